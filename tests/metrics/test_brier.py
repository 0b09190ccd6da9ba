import pytest
from sklearn.metrics import brier_score_loss

from netwright.metrics.brier import Brier


def test_binary(streamed, decided, weight):
    prediction, targets = decided
    wanted = brier_score_loss(targets, prediction.probabilities, sample_weight=weight)
    assert streamed(Brier(), prediction, targets, weight=weight) == pytest.approx(wanted)


def test_classes(streamed, classified, weight):
    prediction, targets = classified
    wanted = brier_score_loss(
        targets, prediction.probabilities, labels=range(6), sample_weight=weight
    )
    assert streamed(Brier(), prediction, targets, weight=weight) == pytest.approx(wanted)
