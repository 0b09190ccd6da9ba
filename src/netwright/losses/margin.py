"""The margin loss of capsules, and what a length says under it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.precision import at_least_float32

__all__ = ["best_length", "margin", "shares_of_lengths"]


def margin(
    lengths: Float[Tensor, "n k"],
    targets: Num[Tensor, "n"] | Num[Tensor, "n k"],
    *,
    present: float = 0.9,
    absent: float = 0.1,
    absent_weight: float = 0.5,
) -> Float[Tensor, "n"]:
    """T max(0, m⁺ − |v|)² + λ (1 − T) max(0, |v| − m⁻)², added over the classes.

    Each class is judged for itself, so that several may be there at once.

    Paper: Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829, equation 4

    Args:
        lengths: of each class's capsule, from 0 to 1.
        targets: class indices (n,), or how much of each class is there (n, k), from 0 to 1.
        present: m⁺, the length above which a class that is there costs nothing.
        absent: m⁻, the length below which one that isn't costs nothing.
        absent_weight: λ, what classes that are not there weigh.
    """
    raised = at_least_float32(lengths)
    if targets.ndim == 1:
        there = torch.zeros_like(raised).scatter(1, targets.long()[:, None], 1.0)
    else:
        there = targets.to(raised.dtype)
    too_short = (present - raised).clamp(min=0).square()
    too_long = (raised - absent).clamp(min=0).square()
    return (there * too_short + absent_weight * (1 - there) * too_long).sum(dim=1)


def best_length(
    shares: Float[Tensor, "..."],
    *,
    present: float = 0.9,
    absent: float = 0.1,
    absent_weight: float = 0.5,
) -> Float[Tensor, "..."]:
    """The length that costs least where a class is there with a probability of `shares`."""
    away = absent_weight * (1 - shares)
    return (shares * present + away * absent) / (shares + away)


def shares_of_lengths(
    lengths: Float[Tensor, "..."],
    *,
    present: float = 0.9,
    absent: float = 0.1,
    absent_weight: float = 0.5,
) -> Float[Tensor, "..."]:
    """The probability under which a length is the one that costs least: `best_length` inverted.

    A length is no probability: where a class is there in half of all cases, the best length is not
    one half. Beyond the margins a length says no more than that the class is there, or isn't.
    """
    above = absent_weight * (lengths - absent).clamp(min=0)
    below = (present - lengths).clamp(min=0)
    return above / (above + below)
