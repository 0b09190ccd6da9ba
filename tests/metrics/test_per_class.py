import numpy as np
import pytest
import torch
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.class_counts import class_counts
from netwright.metrics.per_class import (
    F1,
    BalancedAccuracy,
    ClassF1,
    ClassPrecision,
    ClassRecall,
    MicroF1,
    MicroPrecision,
    MicroRecall,
    Precision,
    Recall,
    WeightedF1,
    WeightedPrecision,
    WeightedRecall,
)

SCORES = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def scikit_learns(rate, **options):
    def figure(targets, outputs, weight):
        found = SCORES[rate](targets, outputs, sample_weight=weight, zero_division=0, **options)
        return float(np.squeeze(found))

    return figure


REFERENCES = {
    metric: scikit_learns(rate, **options)
    for rate, metrics in {
        "precision": (Precision, MicroPrecision, WeightedPrecision, ClassPrecision),
        "recall": (Recall, MicroRecall, WeightedRecall, ClassRecall),
        "f1": (F1, MicroF1, WeightedF1, ClassF1),
    }.items()
    for metric, options in zip(
        metrics,
        (
            {"average": "macro"},
            {"average": "micro"},
            {"average": "weighted"},
            {"average": None, "labels": [1]},
        ),
        strict=True,
    )
}


@pytest.mark.parametrize("metric", REFERENCES, ids=lambda metric: metric.__name__)
def test_classes(streamed, classified, weight, metric):
    prediction, targets = classified
    for given in (None, weight):
        wanted = REFERENCES[metric](targets.numpy(), prediction.outputs.numpy(), given)
        value = streamed(metric(num_classes=6), prediction, targets, weight=given)
        assert value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("metric", REFERENCES, ids=lambda metric: metric.__name__)
def test_labels(streamed, labelled, weight, metric):
    prediction, targets = labelled
    wanted = REFERENCES[metric](targets.numpy(), prediction.outputs.numpy(), weight)
    value = streamed(metric(num_classes=4), prediction, targets, weight=weight)
    assert value == pytest.approx(wanted, abs=1e-9)


def test_balanced_accuracy_is_over_the_classes_that_occur(streamed, classified, weight):
    prediction, targets = classified
    # an answer of a class that doesn't occur makes scikit-learn warn; it counts the same way
    keep = prediction.outputs != 5
    kept = Prediction(outputs=prediction.outputs[keep])
    wanted = balanced_accuracy_score(targets[keep], kept.outputs, sample_weight=weight[keep])
    metric = BalancedAccuracy(num_classes=6)
    value = streamed(metric, kept, targets[keep], weight=weight[keep])
    assert value == pytest.approx(wanted)
    assert BalancedAccuracy(num_classes=9).over(
        Prediction(outputs=torch.tensor([0, 8, 1])),
        torch.tensor([0, 0, 1]),
        weights=torch.ones(3, 1),
    ).item() == pytest.approx(0.75)


def test_rows_of_each_class(classified):
    prediction, targets = classified
    counts = class_counts(
        prediction.outputs, targets, num_classes=6, weights=torch.ones(300, 1).double()
    )
    wanted = precision_recall_fscore_support(
        targets, prediction.outputs, labels=range(6), zero_division=0
    )
    ours = (counts.precision(), counts.recall(), counts.f1(), counts.support)
    for mine, theirs in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(mine[:, 0].numpy(), theirs)


@pytest.mark.parametrize("metric", [ClassPrecision, ClassRecall, ClassF1], ids=lambda m: m.__name__)
def test_one_class_of_two_is_the_binary_form(streamed, decided, weight, metric):
    prediction, targets = decided
    rate = metric.__name__.removeprefix("Class").lower()
    wanted = SCORES[rate](targets, prediction.outputs, sample_weight=weight)
    assert streamed(metric(num_classes=2), prediction, targets, weight=weight) == pytest.approx(
        wanted
    )
    other = SCORES[rate](targets, prediction.outputs, pos_label=0)
    value = streamed(metric(num_classes=2, of_class=0), prediction, targets)
    assert value == pytest.approx(other)


def test_a_class_that_neither_occurs_nor_is_predicted_has_no_figure():
    metric = ClassRecall(num_classes=3, of_class=2)
    metric.update(Prediction(outputs=torch.tensor([0, 1])), torch.tensor([0, 0]))
    with pytest.raises(BadValue, match="class 2 among targets or answers"):
        metric.compute()
    with pytest.raises(BadValue, match="0 to 2"):
        ClassF1(num_classes=3, of_class=-1)
    with pytest.raises(BadValue, match="num_classes must be at least 1"):
        F1(num_classes=0)
