from netwright.report.page import render
from netwright.runs.store import RunFolder

SELECTIVE = {
    "area": {"value": 0.0123, "low": 0.008, "high": 0.02},
    "coverage": [0.1, 0.5, 1.0],
    "risk": [0.0, 0.01, 0.05],
    "threshold": [0.99, 0.9, 0.5],
}
CALIBRATION = {
    "split": "calibration",
    "n": 200,
    "temperature": 1.732,
    "conformal": {"score": "lac", "alpha": 0.1, "n": 200, "quantiles": [0.7]},
    "abstention": {"threshold": 0.83, "risk": 0.05, "delta": 0.05, "bound": 0.04, "coverage": 0.9},
    "notes": ["something to be known"],
    "judged": {
        "test": {
            "n": 300,
            "before": {"log_loss": 0.5},
            "after": {"log_loss": 0.25},
            "sets": {
                "coverage": {"value": 0.91, "low": 0.87, "high": 0.94},
                "size": 1.25,
                "asked": 0.9,
            },
            "answered": {"share": 0.88, "wrong": {"value": 0.02, "low": 0.01, "high": 0.04}},
        }
    },
}
METRICS = {"accuracy": {"value": 0.95, "low": 0.9, "high": 0.98, "n": 300}}


def test_what_was_calibrated_is_on_the_page(tmp_path):
    folder = RunFolder.create(tmp_path, "made", exact=True)
    record = {"split": "test", "n": 300, "metrics": METRICS, "selective": SELECTIVE}
    folder.write_json("evaluation/test.json", record | {"notes": ["dear decisions"]})
    plain = render(folder)
    assert "Calibration" not in plain
    folder.write_json("calibration.json", CALIBRATION)
    page = render(folder)
    for said in (
        "Accuracy when it may abstain, test",
        "0.0123",
        "dear decisions",
        "1.732",
        "0.5 before, 0.25 after",
        "91.0 %",
        "mean size 1.25",
        "2.0 % are wrong",
        "something to be known",
        "0.83: at most 5.0 % wrong with probability 0.95",
    ):
        assert said in page, said


def test_a_run_without_probabilities_has_no_curve(tmp_path):
    folder = RunFolder.create(tmp_path, "made", exact=True)
    folder.write_json(
        "evaluation/test.json", {"split": "test", "n": 3, "metrics": METRICS, "selective": None}
    )
    assert "may abstain" not in render(folder)
