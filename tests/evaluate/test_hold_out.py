import json

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from netwright._errors import BadValue
from netwright._statistics import bootstrap, wilson
from netwright.evaluate.hold_out import judge
from netwright.methods.output_units.catalogue import create
from netwright.metrics.base import Metric, Prediction

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def classified():
    random = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 4, (400,), generator=random)
    logits = torch.randn(400, 4, generator=random) + 1.5 * torch.nn.functional.one_hot(targets, 4)
    logits[:, 3] += 0.7 * (targets == 1)  # b is taken for d
    return Prediction(
        outputs=logits.argmax(1), probabilities=logits.softmax(1), logits=logits
    ), targets


def test_figures_are_the_metrics_own(classified):
    prediction, targets = classified
    unit = create("classes", names=NAMES, targets=None)
    judgement = judge(prediction, targets, kind="classes", names=NAMES, n_resamples=50)
    metrics = unit.metrics()
    assert list(judgement.metrics) == list(metrics)
    for name, metric in metrics.items():
        metric.update(prediction, targets)
        estimate = judgement.metrics[name]
        assert estimate.value == metric.compute()
        assert estimate.n == 400
        assert estimate.low < estimate.high


def test_the_interval_of_a_share_is_that_of_its_law(classified):
    prediction, targets = classified
    judgement = judge(prediction, targets, kind="classes", names=NAMES, n_resamples=5000)
    right = int((prediction.outputs == targets).sum())
    wanted = wilson(right, 400)
    accuracy = judgement.metrics["accuracy"]
    assert (accuracy.low, accuracy.high) == pytest.approx((wanted.low, wanted.high), abs=0.008)


def test_intervals_agree_with_resampling_by_hand(classified):
    prediction, targets = classified
    judgement = judge(prediction, targets, kind="classes", names=NAMES, n_resamples=2000)
    by_hand = bootstrap(
        lambda t, o: f1_score(t, o, average="macro"),
        [targets.numpy(), prediction.outputs.numpy()],
        n_resamples=1000,
        seed=7,
    )
    f1 = judgement.metrics["f1"]
    assert f1.value == pytest.approx(by_hand.value)
    assert (f1.low, f1.high) == pytest.approx((by_hand.low, by_hand.high), abs=0.01)


def test_classes_are_told_apart(classified):
    prediction, targets = classified
    judgement = judge(prediction, targets, kind="classes", names=NAMES, n_resamples=10)
    matrix = confusion_matrix(targets, prediction.outputs)
    np.testing.assert_array_equal(judgement.confusion, matrix)
    wanted = precision_recall_fscore_support(targets, prediction.outputs)
    ours = [[row.precision, row.recall, row.f1, row.n] for row in judgement.per_class]
    np.testing.assert_allclose(ours, np.array(wanted).T, rtol=1e-6)
    assert [row.name for row in judgement.per_class] == list(NAMES)
    worst = judgement.confused[0]
    assert (worst.truth, worst.answer) == ("b", "d")
    assert worst.n == matrix[1, 3] == (matrix - np.diag(np.diag(matrix))).max()
    assert worst.share == pytest.approx(matrix[1, 3] / matrix[1].sum())
    assert [pair.n for pair in judgement.confused] == sorted(
        (pair.n for pair in judgement.confused), reverse=True
    )


def test_a_weight_is_a_number_of_examples(classified):
    prediction, targets = classified
    times = torch.arange(400) % 3
    rows = torch.arange(400).repeat_interleave(times)
    repeated = Prediction(
        outputs=prediction.outputs[rows], probabilities=prediction.probabilities[rows]
    )
    options = {"kind": "classes", "names": NAMES, "n_resamples": 20}
    weighted = judge(prediction, targets, weight=times, **options)
    plain = judge(repeated, targets[rows], **options)
    assert weighted.confusion == plain.confusion
    assert weighted.per_class == plain.per_class
    for name, estimate in plain.metrics.items():
        assert weighted.metrics[name].value == pytest.approx(estimate.value)


def test_the_seed_decides_the_interval(classified):
    prediction, targets = classified
    options = {"kind": "classes", "names": NAMES, "n_resamples": 30}
    first, again, other = (judge(prediction, targets, seed=s, **options) for s in (1, 1, 2))
    assert first == again
    assert first.metrics["f1"].low != other.metrics["f1"].low


def test_what_data_do_not_define_is_said():
    scores = torch.rand(20)
    prediction = Prediction(outputs=(scores > 0.5).long(), probabilities=scores)
    targets = torch.zeros(20, dtype=torch.long)
    judgement = judge(prediction, targets, kind="binary", names=("no", "yes"), n_resamples=20)
    assert set(judgement.undefined) == {"roc_auc", "average_precision"}
    assert "examples both with and without the label" in judgement.undefined["roc_auc"]
    assert "accuracy" in judgement.metrics


@pytest.mark.parametrize(
    ("unit", "targets"),
    [
        ("binary", torch.arange(60) % 2),
        ("binary-hinge", torch.arange(60) % 2),
        ("ordinal", torch.arange(60) % 4),
        ("multi-label", (torch.arange(240).reshape(60, 4) % 3 == 0).float()),
        ("counts", torch.arange(60.0) % 5),
        ("real", torch.stack([torch.arange(60.0)] * 4, 1)),
        ("bins", torch.arange(60.0)),
    ],
)
def test_every_kind_becomes_plain_data(unit, targets):
    names = {"binary": ("no", "yes"), "binary-hinge": ("no", "yes")}.get(unit, NAMES)
    if unit in ("counts", "bins"):
        names = ("size",)
    made = create(unit, names=names, targets=targets)
    prediction = made.predict(torch.randn(60, made.width).detach())
    judgement = judge(prediction, targets, kind=made.target, names=names, n_resamples=20)
    plain = judgement.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["metrics"]
    with_classes = made.target in ("binary", "ordinal", "multi-label")
    assert bool(plain["per_class"]) == with_classes
    assert bool(plain["confusion"]) == (with_classes and made.target != "multi-label")


def test_many_labels_are_ranked_fewer_times():
    targets = (torch.rand(50, 3) < 0.4).float()
    prediction = Prediction(outputs=(targets > 2).float(), probabilities=torch.rand(50, 3))
    options = {"kind": "multi-label", "names": NAMES[:3]}
    some, more = (
        judge(prediction, targets, n_resamples=count, **options).metrics for count in (200, 40000)
    )
    assert some["roc_auc"].value == more["roc_auc"].value
    assert abs(some["roc_auc"].low - more["roc_auc"].low) < 0.05


def test_quantiles_are_judged_by_their_own_metrics():
    targets = torch.linspace(0, 1, 50)
    unit = create("quantiles", names=("size",), targets=targets)
    prediction = unit.predict(torch.randn(50, 3))
    options = {"kind": "quantiles", "names": ("size",), "n_resamples": 20}
    judgement = judge(prediction, targets, metrics=unit.metrics(), **options)
    assert list(judgement.metrics) == ["pinball", "coverage_error"]
    with pytest.raises(BadValue, match="Give the metrics"):
        judge(prediction, targets, **options)


class Loudest(Metric):
    higher_is_better = True

    def update(self, prediction, targets, *, weight=None):
        self.value = float(prediction.outputs.max())

    def compute(self):
        return self.value


def test_a_metric_that_takes_no_weights_has_no_interval():
    prediction = Prediction(outputs=torch.arange(5.0))
    metrics = {"loudest": Loudest()}
    judgement = judge(prediction, torch.zeros(5), kind="real", names=(), metrics=metrics)
    estimate = judgement.metrics["loudest"]
    assert (estimate.value, estimate.low, estimate.high) == (4.0, None, None)


def test_answers_and_targets_must_be_as_many(classified):
    prediction, targets = classified
    with pytest.raises(BadValue, match=r"targets must be as many as answers \(400\)"):
        judge(prediction, targets[1:], kind="classes", names=NAMES)
