"""What stands where a part of a picture is taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be

__all__ = ["Fill", "blurred", "channel_mean", "filled"]

Fill: TypeAlias = float | Tensor | Callable[[Tensor], Tensor]
"""A number, in the units of the inputs; a tensor that can be spread over their shape; or a function
of the inputs, such as `channel_mean` or `blurred`."""


def filled(inputs: Float[Tensor, "n ..."], fill: Fill) -> Float[Tensor, "n ..."]:
    """Pictures of which everything is taken away, of the inputs' shape.

    Args:
        inputs: (n, ...).
        fill: see `Fill`.

    Raises:
        BadValue: a tensor that does not fit, or numbers that are not finite.
    """
    found = fill(inputs) if callable(fill) else fill
    value = torch.as_tensor(found, dtype=inputs.dtype, device=inputs.device)
    if not value.isfinite().all():
        raise must_be("fill", "finite", "NaN or infinity")
    try:
        return value.expand(inputs.shape)
    except RuntimeError:
        rule = f"spread over the inputs' shape {tuple(inputs.shape)}"
        raise must_be("fill", rule, tuple(value.shape)) from None


def channel_mean(inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """The mean of each colour of each picture: nothing is left but its tint.

    Args:
        inputs: (n, c, h, w).

    Raises:
        BadValue: inputs without colours.
    """
    return _pictures(inputs).mean((2, 3), keepdim=True).expand(inputs.shape)


def blurred(inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Each picture under a Gaussian blur, of a twentieth of its longer side and 5 pixels at least.

    No edges of its own, as a flat patch has. At the border the weights of the pixels that are there
    are scaled up to 1.

    Args:
        inputs: (n, c, h, w).

    Raises:
        BadValue: inputs without colours.
    """
    pictures = _pictures(inputs)
    spread = max(5.0, max(pictures.shape[2:]) / 20)
    down, across = (_weights(size, spread, like=pictures) for size in pictures.shape[2:])
    return down @ pictures @ across.T


def _weights(size: int, spread: float, *, like: Tensor) -> Tensor:
    """Row i: how much each pixel counts for the blurred pixel i."""
    at = torch.arange(size, dtype=like.dtype, device=like.device)
    weights = (-0.5 * ((at[:, None] - at) / spread) ** 2).exp()
    return weights / weights.sum(1, keepdim=True)


def _pictures(inputs: Tensor) -> Tensor:
    if inputs.ndim != 4:
        fix = "Give fill a number: 0.0 is the mean of standardised columns."
        raise must_be("inputs", "pictures (n, c, h, w) for this fill", tuple(inputs.shape), fix)
    return inputs
