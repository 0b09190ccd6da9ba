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
) -> Float[Tensor, "n"]:
    """The negative log-likelihood of real numbers under Gaussians of given mean and variance.

    Use it where the network also says how sure it is. With log-variances of 0 it is half the
    squared error plus log(2π)/2 a target.

    Paper: Estimating the Mean and Variance of the Target Probability Distribution, 1994,
        https://doi.org/10.1109/ICNN.1994.374138

    Differs: below a log-variance of −30 the precision grows linearly instead of exponentially, so
        that the loss stays finite.

    Args:
        means: expected values.
        targets: real numbers.
        log_variances: logarithm of the variance; any shape that spreads over `means`.
    """
    scores = at_least_float32(means)
    errors = scores - targets.to(scores.dtype)
    logs = at_least_float32(log_variances)
    return sum_by_example(
        0.5 * (errors.square() * bounded_exp(-logs) + logs + math.log(2 * math.pi))
    )
