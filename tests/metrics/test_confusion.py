import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from sklearn.metrics import confusion_matrix as reference

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.confusion import QuadraticKappa, confusion_matrix


def test_confusion_matrix(classified, weight):
    prediction, targets = classified
    for given in (None, weight):
        ours = confusion_matrix(prediction.outputs, targets, num_classes=6, weight=given)
        wanted = reference(targets, prediction.outputs, labels=range(6), sample_weight=given)
        np.testing.assert_allclose(ours.numpy(), wanted)


def test_quadratic_kappa(streamed, classified, weight):
    prediction, targets = classified
    wanted = cohen_kappa_score(
        targets, prediction.outputs, weights="quadratic", sample_weight=weight, labels=range(6)
    )
    value = streamed(QuadraticKappa(num_classes=6), prediction, targets, weight=weight)
    assert value == pytest.approx(wanted)


def test_one_class_has_no_kappa(classified):
    _, targets = classified
    metric = QuadraticKappa(num_classes=6)
    metric.update(Prediction(outputs=targets * 0), targets * 0)
    with pytest.raises(BadValue, match="more than one class"):
        metric.compute()
