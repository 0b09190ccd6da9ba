"""Arithmetic that keeps a loss finite."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["at_least_float32", "bounded_exp", "sum_by_example"]

_LARGEST_EXPONENT = 30.0
# exp(30) ≈ 1e13: its square, summed over a network's gradient, still fits into float32.


def at_least_float32(values: Tensor) -> Float[Tensor, "..."]:
    """Raise half precision and integers to float32; leave float32 and float64 as they are."""
    if values.dtype is torch.float32:
        return values
    return values.to(torch.promote_types(values.dtype, torch.float32))


def bounded_exp(exponent: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """exp(x) up to x = 30, and from there on its tangent, so that 1e4 has a finite value and slope.

    Example:
        >>> bounded_exp(torch.tensor([0.0, 1e4])).isfinite().tolist()
        [True, True]
    """
    curved = exponent.clamp(max=_LARGEST_EXPONENT).exp()
    tangent = math.exp(_LARGEST_EXPONENT) * (1 + exponent - _LARGEST_EXPONENT)
    return curved.where(exponent <= _LARGEST_EXPONENT, tangent)


def sum_by_example(losses: Float[Tensor, "n *t"]) -> Float[Tensor, "n"]:
    """Add what the several targets of an example cost."""
    return losses.flatten(start_dim=1).sum(dim=1) if losses.ndim > 1 else losses
