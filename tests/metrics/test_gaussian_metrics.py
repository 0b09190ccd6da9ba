import numpy as np
import pytest
import torch
from scipy import stats

from netwright._errors import BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.gaussian import GaussianNll, IntervalCoverageError, central_interval

RANDOM = np.random.default_rng(0)
MEANS, SPREADS = RANDOM.normal(size=300) * 5, RANDOM.uniform(0.2, 4, size=300)
TARGETS = MEANS + SPREADS * RANDOM.normal(size=300)
ANSWER = Prediction(outputs=torch.tensor(MEANS), deviations=torch.tensor(SPREADS))


def figure(metric, answer=ANSWER, targets=TARGETS, weight=None):
    for part in torch.arange(300).split(70):
        cut = Prediction(outputs=answer.outputs[part], deviations=answer.deviations[part])
        metric.update(
            cut, torch.tensor(targets)[part], weight=None if weight is None else weight[part]
        )
    return metric.compute()


def test_likelihood_is_scipys():
    wanted = -stats.norm(MEANS, SPREADS).logpdf(TARGETS)
    assert figure(GaussianNll()) == pytest.approx(wanted.mean(), abs=1e-9)
    weight = torch.rand(300, generator=torch.Generator().manual_seed(0))
    weighted = np.average(wanted, weights=weight.numpy())
    assert figure(GaussianNll(), weight=weight) == pytest.approx(weighted, abs=1e-9)


def test_several_columns_are_added():
    pairs = [torch.tensor(one).reshape(150, 2) for one in (MEANS, SPREADS, TARGETS)]
    metric = GaussianNll()
    metric.update(Prediction(outputs=pairs[0], deviations=pairs[1]), pairs[2])
    wanted = -stats.norm(MEANS, SPREADS).logpdf(TARGETS).reshape(150, 2).sum(axis=1).mean()
    assert metric.compute() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_intervals_are_scipys_and_their_coverage_is_counted(level):
    low, high = central_interval(ANSWER, level=level)
    wanted = stats.norm(MEANS, SPREADS).interval(level)
    np.testing.assert_allclose(low, wanted[0], rtol=1e-9)
    np.testing.assert_allclose(high, wanted[1], rtol=1e-9)
    inside = np.mean((wanted[0] <= TARGETS) & (wanted[1] >= TARGETS))
    error = figure(IntervalCoverageError(level=level))
    assert error == pytest.approx(abs(inside - level), abs=1e-9)
    assert error < 5 * np.sqrt(level * (1 - level) / 300)  # the answers are honest
    bold = Prediction(outputs=ANSWER.outputs, deviations=ANSWER.deviations / 10)
    assert figure(IntervalCoverageError(level=level), bold) > 0.3


def test_answers_without_deviations_are_refused():
    with pytest.raises(BadValue, match="with standard deviations"):
        GaussianNll().update(Prediction(outputs=torch.zeros(2)), torch.zeros(2))
    with pytest.raises(BadValue, match="level must be between 0 and 1"):
        IntervalCoverageError(level=1.0)
