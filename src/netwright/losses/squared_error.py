"""Squared error."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32, sum_by_example

__all__ = ["squared_error"]


def squared_error(
    prediction: Float[Tensor, "n *t"], targets: Num[Tensor, "n *t"]
) -> Float[Tensor, "n"]:
    """(prediction − target)², added over an example's targets.

    Use it for real numbers whose mean is wanted. Half of it is the negative log-likelihood of a
    Gaussian of variance 1, up to a constant.

    Args:
        prediction: the expected value.
        targets: real numbers.
    """
    scores = at_least_float32(prediction)
    errors = scores - targets.to(scores.dtype)
    return sum_by_example(errors.square())
