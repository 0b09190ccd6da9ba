import numpy as np
import pytest
import torch
from scipy import stats

from netwright._errors import BadValue
from netwright.evaluate.abstention import (
    Abstention,
    confidence,
    guaranteed_abstention,
    risk_coverage,
)
from netwright.metrics.base import Prediction


def answers(n, *, seed):
    """Confidence u, wrong with probability (1 − u)/2: risk at coverage c is c/4."""
    random = np.random.default_rng(seed)
    sure = random.random(n)
    wrong = random.random(n) < (1 - sure) / 2
    return torch.from_numpy(sure), torch.from_numpy(wrong)


def test_the_curve_is_written_out():
    sure = torch.tensor([0.9, 0.8, 0.8, 0.6, 0.5])
    wrong = torch.tensor([False, True, False, True, False])
    curve = risk_coverage(sure, wrong)
    assert curve.coverage.tolist() == pytest.approx([0.2, 0.6, 0.8, 1.0])
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 2 / 4, 2 / 5])
    assert curve.threshold.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.5])
    # the two that are as sure come in together
    assert curve.area.value == pytest.approx((0 + 1 / 3 + 1 / 3 + 2 / 4 + 2 / 5) / 5)
    assert curve.area.low <= curve.area.value <= curve.area.high
    assert curve.risk_at(0.3) == pytest.approx(1 / 3)
    assert curve.coverage_at(0.4) == pytest.approx(1.0)
    assert curve.coverage_at(0.35) == pytest.approx(0.6)
    assert risk_coverage(sure, ~wrong).coverage_at(0.0) == 0.0


def test_the_area_is_that_of_a_known_law():
    curve = risk_coverage(*answers(20_000, seed=0), n_resamples=50)
    assert curve.area.value == pytest.approx(1 / 8, abs=0.005)
    assert curve.risk_at(0.5) == pytest.approx(1 / 8, abs=0.01)
    assert curve.coverage_at(0.2) == pytest.approx(0.8, abs=0.05)


def test_confidence_is_that_of_the_answer():
    binary = Prediction(outputs=torch.tensor([0, 1]), probabilities=torch.tensor([0.2, 0.9]))
    assert confidence(binary).tolist() == pytest.approx([0.8, 0.9])


def test_the_promise_is_kept():
    """The true risk of a threshold t is (1 − t)/4; it may exceed the promise in 10 % of draws."""
    broken, coverage = 0, []
    for seed in range(300):
        found = guaranteed_abstention(*answers(1000, seed=seed), risk=0.2, delta=0.1)
        assert found.bound <= 0.2
        broken += (1 - found.threshold) / 4 > 0.2
        coverage.append(found.coverage)
    assert broken / 300 <= 0.1
    assert np.mean(coverage) > 0.4  # it is no empty promise


def test_the_bound_is_the_exact_one():
    sure, wrong = answers(200, seed=1)
    found = guaranteed_abstention(sure, wrong, risk=0.3)
    kept = sure >= found.threshold
    mistakes, count = int(wrong[kept].sum()), int(kept.sum())
    exact = stats.binomtest(mistakes, count, alternative="less").proportion_ci(1 - 0.05 / 20)
    assert found.bound == pytest.approx(exact.high, abs=1e-9)
    assert found.coverage == count / 200
    assert Abstention.from_json(found.to_json()) == found


def test_what_can_not_be_promised_is_refused():
    sure, wrong = answers(50, seed=0)
    with pytest.raises(BadValue, match="one that 50 examples can promise"):
        guaranteed_abstention(sure, wrong, risk=0.01)
    with pytest.raises(BadValue, match="risk must be a share"):
        guaranteed_abstention(sure, wrong, risk=0.0)
    with pytest.raises(BadValue, match="one for each of 50"):
        risk_coverage(sure, wrong[1:])
    with pytest.raises(BadValue, match="coverage must be above 0"):
        risk_coverage(sure, wrong).risk_at(0.0)
