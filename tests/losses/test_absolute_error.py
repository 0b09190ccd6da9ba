import math

import torch
from torch.distributions import Independent, Laplace

from netwright.losses.absolute_error import absolute_error

TARGETS = torch.linspace(-4, 4, 160, dtype=torch.float64).reshape(40, 4)


def test_is_the_likelihood_of_a_laplace_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: absolute_error(s, TARGETS) + 4 * math.log(2),
        lambda s: -Independent(Laplace(s, torch.ones_like(s)), 1).log_prob(TARGETS),
        scores,
    )


def test_finite(finite_at_extremes):
    finite_at_extremes(lambda s: absolute_error(s, torch.arange(5)))
