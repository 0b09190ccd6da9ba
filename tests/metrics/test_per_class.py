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

from netwright.metrics.base import Prediction
from netwright.metrics.class_counts import class_counts
from netwright.metrics.per_class import (
    F1,
    BalancedAccuracy,
    MicroF1,
    Precision,
    Recall,
)

REFERENCES = {
    Precision: lambda t, o, w: precision_score(
        t, o, average="macro", zero_division=0, sample_weight=w
    ),
    Recall: lambda t, o, w: recall_score(t, o, average="macro", zero_division=0, sample_weight=w),
    F1: lambda t, o, w: f1_score(t, o, average="macro", zero_division=0, sample_weight=w),
    MicroF1: lambda t, o, w: f1_score(t, o, average="micro", zero_division=0, sample_weight=w),
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
