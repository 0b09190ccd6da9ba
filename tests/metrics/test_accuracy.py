import pytest
import torch
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from netwright._errors import BadValue
from netwright.metrics.accuracy import Accuracy, TopAccuracy, TopError
from netwright.metrics.base import Prediction


def test_accuracy(streamed, classified, weight):
    prediction, targets = classified
    wanted = accuracy_score(targets, prediction.outputs)
    assert streamed(Accuracy(), prediction, targets) == pytest.approx(wanted)
    wanted = accuracy_score(targets, prediction.outputs, sample_weight=weight)
    assert streamed(Accuracy(), prediction, targets, weight=weight) == pytest.approx(wanted)


def test_a_label_set_is_right_as_a_whole(streamed, labelled):
    prediction, targets = labelled
    wanted = accuracy_score(targets, prediction.outputs)
    assert 0 < wanted < 1
    assert streamed(Accuracy(), prediction, targets) == pytest.approx(wanted)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_top_accuracy(streamed, classified, weight, n):
    prediction, targets = classified
    wanted = top_k_accuracy_score(
        targets, prediction.probabilities, k=n, labels=range(6), sample_weight=weight
    )
    value = streamed(TopAccuracy(n=n), prediction, targets, weight=weight)
    assert value == pytest.approx(wanted)


@pytest.mark.parametrize("n", [1, 3])
def test_top_error_is_what_is_left(streamed, classified, weight, n):
    prediction, targets = classified
    reached = top_k_accuracy_score(
        targets, prediction.probabilities, k=n, labels=range(6), sample_weight=weight
    )
    value = streamed(TopError(n=n), prediction, targets, weight=weight)
    assert value == pytest.approx(1 - reached)
    assert not TopError.higher_is_better


@pytest.mark.parametrize("constant", [0.25, float("nan")])
def test_a_constant_answer_gains_nothing(constant):
    metric = TopAccuracy(n=3)
    flat = torch.full((5, 4), constant)
    metric.update(Prediction(outputs=flat.argmax(1), probabilities=flat), torch.arange(5) % 4)
    assert metric.compute() == 0
    error = TopError(n=3)
    error.update(Prediction(outputs=flat.argmax(1), probabilities=flat), torch.arange(5) % 4)
    assert error.compute() == 1


def test_refuses():
    with pytest.raises(BadValue, match="n must be at least 1"):
        TopAccuracy(n=0)
    with pytest.raises(BadValue, match=r"Accuracy must be computed .* got nothing"):
        Accuracy().compute()
