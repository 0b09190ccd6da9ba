import pytest
import torch
from sklearn.metrics import (
    mean_absolute_error,
    mean_poisson_deviance,
    r2_score,
    root_mean_squared_error,
)

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.regression import (
    R2,
    MeanAbsoluteError,
    PoissonDeviance,
    RootMeanSquaredError,
)

BY_REFERENCE = {
    MeanAbsoluteError: mean_absolute_error,
    RootMeanSquaredError: root_mean_squared_error,
    R2: r2_score,
}


@pytest.mark.parametrize("metric", BY_REFERENCE, ids=lambda metric: metric.__name__)
def test_one_target(streamed, measured, weight, metric):
    prediction, targets = measured
    for given in (None, weight):
        wanted = BY_REFERENCE[metric](targets, prediction.outputs, sample_weight=given)
        value = streamed(metric(), prediction, targets, weight=given)
        assert value == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("metric", BY_REFERENCE, ids=lambda metric: metric.__name__)
def test_several_targets(streamed, measured, weight, metric):
    prediction, targets = measured
    answers = torch.stack([prediction.outputs, prediction.outputs.roll(1)], 1)
    both = torch.stack([targets, targets * 2], 1)
    wanted = BY_REFERENCE[metric](both, answers, sample_weight=weight)
    value = streamed(metric(), Prediction(outputs=answers), both, weight=weight)
    assert value == pytest.approx(wanted, rel=1e-9)


def test_float32_targets_far_from_zero_keep_their_variance(streamed):
    targets = 1e5 + torch.arange(100.0)
    prediction = Prediction(outputs=targets + 1)
    wanted = r2_score(targets.double(), prediction.outputs.double())
    assert streamed(R2(), prediction, targets) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("value", [7.0, 0.1])
def test_a_constant_target_has_no_r2(value):
    metric = R2()
    metric.update(Prediction(outputs=torch.rand(5)), torch.full((5,), value))
    with pytest.raises(BadValue, match="not all alike"):
        metric.compute()


def test_poisson_deviance(streamed, weight):
    rates = torch.rand(300, dtype=torch.float64) * 5 + 0.01
    counts = torch.poisson(rates)
    wanted = mean_poisson_deviance(counts, rates, sample_weight=weight)
    value = streamed(PoissonDeviance(), Prediction(outputs=rates), counts, weight=weight)
    assert value == pytest.approx(wanted)


def test_whole_numbers_will_do(streamed):
    places, targets = torch.arange(30) % 4, torch.arange(30) % 3
    wanted = mean_absolute_error(targets, places)
    value = streamed(MeanAbsoluteError(), Prediction(outputs=places), targets)
    assert value == pytest.approx(wanted)
