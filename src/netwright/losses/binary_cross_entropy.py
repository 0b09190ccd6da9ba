"""Sigmoid cross-entropy."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn import functional as F

from netwright.losses.precision import at_least_float32, sum_by_example

__all__ = ["binary_cross_entropy"]


def binary_cross_entropy(
    logits: Float[Tensor, "n *k"],
    targets: Num[Tensor, "n *k"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    """The negative log-likelihood of independent Bernoulli laws, added over an example's labels.

    Use it for yes or no, and for any number of labels that don't exclude each other.

    Differs: from the mean over labels that is often taken: the sum is the likelihood of the
        example, so its size can be compared with the cross-entropy of classes.

    Args:
        logits: log-odds of each label.
        targets: 0 or 1, or a probability in between.
        label_smoothing: share of the target's mass that is spread evenly over yes and no, [0, 1).
    """
    scores = at_least_float32(logits)
    wanted = targets.to(scores.dtype) * (1 - label_smoothing) + label_smoothing / 2
    losses = F.binary_cross_entropy_with_logits(scores, wanted, reduction="none")
    return sum_by_example(losses)
