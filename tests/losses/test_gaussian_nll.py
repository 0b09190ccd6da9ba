import math

import torch
from torch.distributions import Independent, Normal

from netwright.losses.gaussian_nll import gaussian_nll
from netwright.losses.squared_error import squared_error

TARGETS = torch.linspace(-4, 4, 160, dtype=torch.float64).reshape(40, 4)
LOGS = torch.linspace(-2, 2, 160, dtype=torch.float64).reshape(40, 4).flip(0)


def test_is_the_likelihood_of_a_normal_law(equal_with_gradient, scores):
    equal_with_gradient(
        lambda s: gaussian_nll(s, TARGETS, log_variances=LOGS),
        lambda s: -Independent(Normal(s, (LOGS / 2).exp()), 1).log_prob(TARGETS),
        scores,
    )


def test_variance_learns(equal_with_gradient, scores):
    equal_with_gradient(
        lambda logs: gaussian_nll(TARGETS[:, 0], scores[:, 1], log_variances=logs),
        lambda logs: -Normal(TARGETS[:, 0], (logs / 2).exp()).log_prob(scores[:, 1]),
        scores[:, 0].contiguous(),
    )


def test_unit_variance_is_half_the_squared_error(equal_with_gradient, scores):
    zero = torch.zeros((), dtype=torch.float64)
    equal_with_gradient(
        lambda s: gaussian_nll(s, TARGETS, log_variances=zero) - 2 * math.log(2 * math.pi),
        lambda s: squared_error(s, TARGETS) / 2,
        scores,
    )


def test_finite(finite_at_extremes):
    targets = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    finite_at_extremes(lambda s: gaussian_nll(s, targets, log_variances=torch.zeros(())))
    finite_at_extremes(lambda s: gaussian_nll(torch.zeros(5), targets, log_variances=s))
