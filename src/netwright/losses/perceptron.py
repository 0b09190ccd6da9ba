"""What a mistake costs a perceptron."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor
from torch.nn.functional import one_hot

from netwright.losses.precision import at_least_float32

__all__ = ["multiclass_perceptron", "perceptron"]


def perceptron(scores: Float[Tensor, "n"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
    """max(0, −score) for targets of 1 and max(0, score) for targets of 0.

    A step of plain gradient descent at a rate of 1 on one example is Rosenblatt's rule: nothing
    where the side is right, else the input is added or subtracted. A score of 0 is on no side, and
    counts as a mistake: its gradient is that of one, though it costs nothing.

    Use it for the rule itself; scores all at 0 cost nothing, so the loss says little about how far
    the training is.

    Paper: The perceptron: a probabilistic model for information storage and organization in the
        brain, 1958, https://doi.org/10.1037/h0042519

    Args:
        scores: positive for yes.
        targets: 0 or 1.

    Example:
        >>> import torch
        >>> perceptron(torch.tensor([2.0, -2.0]), torch.tensor([1, 1]))
        tensor([0., 2.])
    """
    margins = at_least_float32(scores)
    signs = 2 * targets.to(margins.dtype) - 1
    lacking = -signs * margins
    # not a clamp, whose gradient at 0 is not the rule's
    return torch.where(lacking >= 0, lacking, torch.zeros_like(lacking))


def multiclass_perceptron(
    scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """A perceptron for each class against all others, their costs added.

    Differs: each class learns by itself, as Rosenblatt's response units do. The rule that moves
    only the right class and the best wrong one is Kesler's, of 1965.

    Args:
        scores: one a class, k ≥ 2.
        targets: class indices.
    """
    wanted = one_hot(targets, scores.shape[1])
    return perceptron(scores.flatten(), wanted.flatten()).view_as(scores).sum(dim=1)
