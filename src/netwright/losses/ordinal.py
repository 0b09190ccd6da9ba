"""Cumulative logits: classes that have an order."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from netwright.losses.precision import at_least_float32

__all__ = ["cumulative_probabilities", "ordinal"]


def ordinal(
    scores: Float[Tensor, "n"],
    targets: Int[Tensor, "n"],
    *,
    thresholds: Float[Tensor, "cuts"],
) -> Float[Tensor, "n"]:
    """The negative log-likelihood of the proportional-odds law P(y ≤ j) = sigmoid(θ_j − score).

    Use it for grades: one number an example is cut into k classes by k − 1 ordered thresholds.

    Paper: Regression Models for Ordinal Data, 1980,
        https://doi.org/10.1111/j.2517-6161.1980.tb01109.x

    Args:
        scores: position on the latent scale; higher means a later class.
        targets: place of the class in the order, from 0.
        thresholds: θ, strictly increasing.
    """
    latent, cuts = at_least_float32(scores), at_least_float32(thresholds)
    # sigmoid(a) − sigmoid(b) = sigmoid(a) · sigmoid(−b) · (1 − exp(b − a)): no difference of two
    # numbers near 1, and the gap a − b is free of the score.
    above = F.pad(cuts, (0, 1), value=float("inf"))[targets]
    below = F.pad(cuts, (1, 0), value=float("-inf"))[targets]
    between = (-(-(above - below)).expm1()).log()
    return -(F.logsigmoid(above - latent) + F.logsigmoid(latent - below) + between)


def cumulative_probabilities(
    scores: Float[Tensor, "n"], thresholds: Float[Tensor, "cuts"]
) -> Float[Tensor, "n classes"]:
    """The probability of each class, from the same law as `ordinal`."""
    latent, cuts = at_least_float32(scores), at_least_float32(thresholds)
    reached = F.pad((cuts - latent[:, None]).sigmoid(), (0, 1), value=1.0)
    return reached.diff(dim=1, prepend=reached.new_zeros(len(reached), 1)).clamp(min=0)
