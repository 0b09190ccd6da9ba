"""Hinge losses: the margin of the support vector machine."""

from __future__ import annotations

from jaxtyping import Float, Int, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32

__all__ = ["hinge", "multiclass_hinge"]


def hinge(scores: Float[Tensor, "n"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
    """max(0, 1 − score) for targets of 1 and max(0, 1 + score) for targets of 0.

    Use it where only the side of the boundary matters; the scores are not log-odds.

    Paper: Support-Vector Networks, 1995, https://doi.org/10.1007/BF00994018

    Args:
        scores: positive for yes.
        targets: 0 or 1.
    """
    margins = at_least_float32(scores)
    signs = 2 * targets.to(margins.dtype) - 1
    return (1 - signs * margins).clamp(min=0)


def multiclass_hinge(scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """How much the target's score falls short of 1 more than the best of the others.

    Paper: On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, 2001,
        https://jmlr.org/papers/v2/crammer01a.html

    Args:
        scores: one a class, k ≥ 2.
        targets: class indices.
    """
    raised = at_least_float32(scores)
    wanted = raised.gather(1, targets[:, None])
    others = raised.scatter(1, targets[:, None], float("-inf"))
    return (1 + others.amax(dim=1) - wanted.squeeze(1)).clamp(min=0)
