import json

import pytest

from netwright._errors import BadData, BadValue
from netwright.workflow.answer import evaluate, predict
from netwright.workflow.calibration import calibrate, calibration_of
from netwright.workflow.fit import fit
from workflow_kit import TINY, blobs, table

COSTS = {"cat": {"cat": 0, "dog": 1, "abstain": 0.3}, "dog": {"cat": 8, "dog": 0, "abstain": 0.3}}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pets")
    data = str(table(folder / "pets.csv", rows=300))
    changes = [*TINY[:1], "training.epochs=15", *TINY[2:], "split.calibration=0.2"]
    return fit(data, costs=COSTS, changes=changes, root=folder / "runs"), data


def test_it_is_kept_in_the_run_and_used(pets):
    run, data = pets
    before = predict(run, data)
    assert before[0].candidates == ()
    found = calibrate(run, alpha=0.2, risk=0.5)
    assert (found.split, found.n, found.notes) == ("calibration", 60, ())
    assert calibration_of(run.folder) == found
    after = predict(run, data, abstain=True)
    assert after[0].probabilities != before[0].probabilities
    assert all(one.candidates for one in after)
    silent = [one for one in after if one.prediction == "abstain"]
    threshold = found.abstention.threshold
    unsure = [one for one in before if max(one.probabilities.values()) < threshold - 1e-6]
    assert len(silent) == len(unsure)
    assert {one.decision for one in after} <= {"cat", "dog", "abstain"}
    judged = found.judged["test"]
    assert judged["sets"]["coverage"]["low"] < judged["sets"]["coverage"]["value"]
    assert set(judged["before"]) == {"expected_calibration_error", "log_loss"}


def test_evaluate_judges_what_is_calibrated(pets):
    run, data = pets
    calibrate(run, alpha=0.2)
    record = evaluate(run, data)
    assert record["calibration"]["after"]["log_loss"] == pytest.approx(
        record["metrics"]["log_loss"]["value"]
    )
    assert {"cost", "expected_cost", "cost_of_likeliest"} <= set(record["metrics"])
    dear = {name: {**row, "abstain": 0.0} for name, row in COSTS.items()}
    assert evaluate(run, data, costs=dear)["metrics"]["cost"]["value"] == 0
    assert record["selective"]["coverage"][-1] == 1.0


def test_the_validation_split_is_said_to_have_chosen(tmp_path):
    data = str(table(tmp_path / "pets.csv", rows=120))
    run = fit(data, changes=[*TINY, "split.val=0.3"], root=tmp_path / "runs")
    found = calibrate(run, temperature=False, alpha=0.3)
    assert found.split == "val"
    assert found.temperature is None
    assert any("also chose the weights" in note for note in found.notes)
    with pytest.raises(BadValue, match="not learned from"):
        calibrate(run, split="train")
    with pytest.raises(BadValue, match="not learned from"):
        calibrate(run, split="all")
    with pytest.raises(BadValue, match="alpha must be at least"):
        calibrate(run, alpha=0.001)
    with pytest.raises(BadValue, match="calibrated with a risk"):
        predict(run, data, abstain=True)


def test_numbers_get_intervals(tmp_path):
    x, _ = blobs(120)
    data = (x, (x @ [1.0, 2.0, 0.0, 0.0]).astype("float32"))
    run = fit(data, changes=TINY, root=tmp_path)
    found = calibrate(run, data, split="val", alpha=0.2)
    assert found.conformal.score == "residual"
    answers = predict(run, x)
    ((low, high),) = answers[0].intervals.values()
    reach = found.conformal.quantiles[0]
    assert (high - low) / 2 == pytest.approx(reach)
    with pytest.raises(BadValue, match="risk must be left out"):
        calibrate(run, data, risk=0.1)
    with pytest.raises(BadValue, match="abstain must be left out"):
        predict(run, x, abstain=True)
    with pytest.raises(BadValue, match="costs must be left out"):
        evaluate(run, data, costs=COSTS)


def test_costs_that_do_not_fit_are_refused_before_training(tmp_path):
    data = str(table(tmp_path / "pets.csv"))
    for costs, error, rule in (
        ({"cat": {"cat": 0.0, "dog": 1.0}}, BadData, "no row of dog"),
        (COSTS, BadValue, "without probabilities"),
    ):
        changes = [*TINY, "method={name: supervised, unit: binary-hinge}"]
        with pytest.raises(error, match=rule):
            fit(data, costs=costs, changes=changes, root=tmp_path / "runs")
    with pytest.raises(BadValue, match="costs must be left out"):
        fit("diabetes", costs=COSTS, changes=TINY, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_costs_are_in_the_run(pets):
    run, _ = pets
    record = json.loads((run.folder.path / "evaluation" / "test.json").read_text())
    assert record["metrics"]["cost"]["low"] <= record["metrics"]["cost"]["value"]
    assert run.recipe.costs["dog"]["cat"] == 8
