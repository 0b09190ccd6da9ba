"""Poisson negative log-likelihood."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32, bounded_exp, sum_by_example

__all__ = ["poisson"]


def poisson(log_rates: Float[Tensor, "n *t"], targets: Num[Tensor, "n *t"]) -> Float[Tensor, "n"]:
    """The negative log-likelihood of counts whose log-rate is given.

    Use it for how often something happens: 0, 1, 2, …

    Differs: above a log-rate of 30 the rate grows linearly instead of exponentially, so that the
        loss stays finite.

    Args:
        log_rates: logarithm of the expected count.
        targets: counts, 0 or more.
    """
    scores = at_least_float32(log_rates)
    counts = targets.to(scores.dtype)
    return sum_by_example(bounded_exp(scores) - counts * scores + (counts + 1).lgamma())
