"""Softmax cross-entropy."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from netwright.losses.precision import at_least_float32

__all__ = ["cross_entropy", "total_cross_entropy"]


def cross_entropy(
    logits: Float[Tensor, "n k"],
    targets: Int[Tensor, "n"] | Float[Tensor, "n k"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    """−log softmax(logits) at the target: the negative log-likelihood of a categorical law.

    Use it for one of k classes that exclude each other.

    Paper: Rethinking the Inception Architecture for Computer Vision (label smoothing), 2016,
        https://arxiv.org/abs/1512.00567

    Args:
        logits: unnormalised log-probabilities.
        targets: class indices, or a law over the classes an example (mixed or soft labels).
        label_smoothing: share of the target's mass that is spread evenly over all k classes, in
            [0, 1).
    """
    return _cross_entropy(logits, targets, label_smoothing, reduction="none")


def total_cross_entropy(
    logits: Float[Tensor, "n k"],
    targets: Int[Tensor, "n"] | Float[Tensor, "n k"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """The sum of `cross_entropy` over the examples, in one operation forward and one backward."""
    return _cross_entropy(logits, targets, label_smoothing, reduction="sum")


def _cross_entropy(
    logits: Tensor, targets: Tensor, label_smoothing: float, *, reduction: str
) -> Tensor:
    scores = at_least_float32(logits)
    return F.cross_entropy(
        scores,
        targets.to(scores.dtype) if targets.is_floating_point() else targets,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
