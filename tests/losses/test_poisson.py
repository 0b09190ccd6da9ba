import math

import pytest
import torch
from torch.distributions import Independent, Poisson

from netwright.losses.poisson import poisson

COUNTS = torch.arange(160).reshape(40, 4) % 7


def test_is_the_likelihood_of_a_poisson_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: poisson(s, COUNTS[:, 0]),
        lambda s: -Poisson(s.exp()).log_prob(COUNTS[:, 0].double()),
        scores[:, 0].contiguous(),
    )


def test_several_counts_are_added(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: poisson(s, COUNTS),
        lambda s: -Independent(Poisson(s.exp()), 1).log_prob(COUNTS.double()),
        scores,
    )


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: poisson(s, torch.tensor([0, 3, 4, 2, 1])))


def test_goes_on_along_its_tangent():
    score = torch.tensor([31.0], dtype=torch.float64, requires_grad=True)
    value = poisson(score, torch.tensor([0]))
    value.backward()
    assert value.item() == pytest.approx(2 * math.exp(30))
    assert score.grad.item() == pytest.approx(math.exp(30))
