"""Huber's loss."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn import functional as F

from netwright.losses.precision import at_least_float32, sum_by_example

__all__ = ["huber"]


def huber(
    prediction: Float[Tensor, "n *t"], targets: Num[Tensor, "n *t"], *, delta: float = 1.0
) -> Float[Tensor, "n"]:
    """Half the squared error up to `delta`, and linear from there on.

    Use it for real numbers of which a few may be wild, where the smooth bottom of the squared error
    is wanted.

    Paper: Robust Estimation of a Location Parameter, 1964, https://doi.org/10.1214/aoms/1177703732

    Args:
        prediction: real numbers.
        targets: real numbers.
        delta: size of error from which on the loss is linear, in units of the target, > 0.
    """
    scores = at_least_float32(prediction)
    losses = F.huber_loss(scores, targets.to(scores.dtype), reduction="none", delta=delta)
    return sum_by_example(losses)
