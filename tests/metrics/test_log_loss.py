import pytest
import torch
from sklearn.metrics import log_loss

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.log_loss import LogLoss


def test_classes(streamed, classified, weight):
    prediction, targets = classified
    wanted = log_loss(targets, prediction.probabilities, labels=range(6), sample_weight=weight)
    assert streamed(LogLoss(), prediction, targets, weight=weight) == pytest.approx(wanted)


def test_binary(streamed, decided):
    prediction, targets = decided
    wanted = log_loss(targets, prediction.probabilities)
    assert streamed(LogLoss(), prediction, targets) == pytest.approx(wanted)


def test_a_certain_error_costs_a_finite_amount():
    metric = LogLoss()
    sure = torch.tensor([[1.0, 0.0]])
    metric.update(Prediction(outputs=torch.tensor([0]), probabilities=sure), torch.tensor([1]))
    assert metric.compute() == pytest.approx(-torch.tensor(torch.finfo().eps).log().item())


def test_needs_finite_probabilities():
    metric = LogLoss()
    nothing = Prediction(outputs=torch.zeros(2, dtype=torch.long))
    with pytest.raises(BadValue, match="probabilities must be given"):
        metric.update(nothing, torch.zeros(2, dtype=torch.long))
    broken = torch.full((2, 2), float("nan"))
    metric.update(
        Prediction(outputs=nothing.outputs, probabilities=broken), torch.zeros(2, dtype=torch.long)
    )
    with pytest.raises(BadValue, match="finite predictions"):
        metric.compute()
