"""Absolute error."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32, sum_by_example

__all__ = ["absolute_error"]


def absolute_error(
    prediction: Float[Tensor, "n *t"], targets: Num[Tensor, "n *t"]
) -> Float[Tensor, "n"]:
    """|prediction − target|, added over an example's targets.

    Use it for real numbers whose median is wanted: single wild targets pull less than in
    `squared_error`. It is the negative log-likelihood of a Laplace law of scale 1, less log 2.

    Args:
        prediction: the median.
        targets: real numbers.
    """
    scores = at_least_float32(prediction)
    errors = scores - targets.to(scores.dtype)
    return sum_by_example(errors.abs())
