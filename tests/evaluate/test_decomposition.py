"""The parts of an ensemble's error add up, and are what a known law says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.evaluate.decomposition import ambiguity, bias_variance_covariance


@pytest.mark.parametrize("shape", [(4, 5, 30), (3, 2, 20, 4), (6, 1, 10)])
def test_the_parts_add_up_to_the_measured_error(shape):
    generator = torch.Generator().manual_seed(1)
    predictions = torch.randn(shape, generator=generator) + 3
    targets = torch.randn(shape[2:], generator=generator)
    split = bias_variance_covariance(predictions, targets)
    difference = predictions.double().mean(1) - targets.double()
    measured = float(
        (difference**2).flatten(2).sum(2).mean() if len(shape) > 3 else (difference**2).mean()
    )
    assert split.error == pytest.approx(measured, rel=1e-12)
    assert abs(split.total - split.error) < 1e-6
    assert split.members == shape[1]


def test_the_parts_are_those_of_the_law():
    """f_m = y + 1 + common + own, with variances 4 and 1: variance 5, covariance 4, bias 1."""
    rng = np.random.default_rng(0)
    draws, members, count = 20_000, 3, 4
    common = 2 * rng.normal(size=(draws, 1, count))
    own = rng.normal(size=(draws, members, count))
    truth = rng.normal(size=count)
    split = bias_variance_covariance(
        torch.from_numpy(truth + 1 + common + own), torch.from_numpy(truth)
    )
    assert split.squared_bias == pytest.approx(1, abs=0.1)
    assert split.variance == pytest.approx(5, abs=0.1)
    assert split.covariance == pytest.approx(4, abs=0.1)
    assert split.error == pytest.approx(1 + 5 / 3 + 2 / 3 * 4, abs=0.1)


def test_equal_members_gain_nothing_and_opposite_ones_all():
    targets = torch.zeros(5)
    same = torch.randn(1, 5).expand(4, 5)
    found = ambiguity(same, targets)
    assert found.ambiguity == pytest.approx(0)
    assert found.error == pytest.approx(found.members)
    opposite = torch.stack([torch.ones(5), -torch.ones(5)])
    found = ambiguity(opposite, targets)
    assert (found.error, found.members, found.ambiguity) == (0, 1, 1)


def test_ambiguity_adds_up_over_several_outputs():
    generator = torch.Generator().manual_seed(2)
    predictions = torch.rand(4, 30, 3, generator=generator)
    targets = torch.nn.functional.one_hot(torch.arange(30) % 3).float()
    found = ambiguity(predictions, targets)
    alone = ((predictions - targets) ** 2).sum(2).mean()
    assert found.members == pytest.approx(float(alone), rel=1e-5)
    assert found.error == pytest.approx(found.members - found.ambiguity, rel=1e-9)


def test_refusals():
    with pytest.raises(BadValue, match="predictions must be of at least 2 draws"):
        bias_variance_covariance(torch.zeros(1, 3, 4), torch.zeros(4))
    with pytest.raises(BadValue, match=r"predictions must be \(draws, members"):
        bias_variance_covariance(torch.zeros(2, 3, 4), torch.zeros(5))
    with pytest.raises(BadValue, match=r"predictions must be \(members"):
        ambiguity(torch.zeros(3, 4), torch.zeros(5))
