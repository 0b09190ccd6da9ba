"""Gaussian negative log-likelihood."""

from __future__ import annotations

import math

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32, bounded_exp, sum_by_example

__all__ = ["gaussian_nll"]


def gaussian_nll(
    means: Float[Tensor, "n *t"],
    targets: Num[Tensor, "n *t"],
    *,
    log_variances: Float[Tensor, "..."],
    beta: float = 0.0,
) -> Float[Tensor, "n"]:
    """The negative log-likelihood of real numbers under Gaussians of given mean and variance.

    Use it where the network also says how sure it is. With log-variances of 0 it is half the
    squared error plus log(2π)/2 a target.

    Paper: Estimating the Mean and Variance of the Target Probability Distribution, 1994,
        https://doi.org/10.1109/ICNN.1994.374138; On the Pitfalls of Heteroscedastic Uncertainty
        Estimation (beta), 2022, https://arxiv.org/abs/2203.09168

    Differs: below a log-variance of −30 the precision grows linearly instead of exponentially, so
        that the loss stays finite.

    Args:
        means: expected values.
        targets: real numbers.
        log_variances: logarithm of the variance; any shape that spreads over `means`.
        beta: each term is multiplied with its variance to this power, which counts as a number: 0
            is the likelihood, with 1 the mean learns as from squared error.
    """
    scores = at_least_float32(means)
    errors = scores - targets.to(scores.dtype)
    logs = at_least_float32(log_variances)
    terms = 0.5 * (errors.square() * bounded_exp(-logs) + logs + math.log(2 * math.pi))
    return sum_by_example(terms if beta == 0 else bounded_exp(beta * logs.detach()) * terms)
