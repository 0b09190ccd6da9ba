"""Pictures in another light."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["brightness_contrast", "relight"]


def brightness_contrast(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    brightness: float = 0.2,
    contrast: float = 0.2,
) -> Shaped[Tensor, "n c h w"]:
    """Change the contrast about each picture's mean, then multiply its brightness.

    When to use it: photographs, whose light says nothing about the class.

    Args:
        pictures: uint8, which stay in 0 to 255, or floating point, which are not cut off.
        draws: their random numbers.
        brightness: largest change either way, from 0 to 1: 0.2 is from 80 % to 120 %.
        contrast: the same for the distance from the mean.
    """
    for name, value in (("brightness", brightness), ("contrast", contrast)):
        if not 0 <= value <= 1:
            raise must_be(name, "from 0 to 1", value, "0.2 is from 80 % to 120 %.")
    return relight(
        pictures,
        brightness=draws.uniform("brightness", low=1 - brightness, high=1 + brightness),
        contrast=draws.uniform("contrast", low=1 - contrast, high=1 + contrast),
    )


def relight(
    pictures: Shaped[Tensor, "n c h w"],
    *,
    brightness: Float[Tensor, "n"],
    contrast: Float[Tensor, "n"],
) -> Shaped[Tensor, "n c h w"]:
    """Apply to each picture its own factors; see `brightness_contrast`."""
    mean = pictures.mean((1, 2, 3), dtype=torch.float32)
    factor = (brightness * contrast)[:, None, None, None]
    offset = (brightness * (1 - contrast) * mean)[:, None, None, None]
    if pictures.is_floating_point():
        return (pictures * factor + offset).to(pictures.dtype)
    return (pictures * factor).add_(offset).clamp_(0, 255).round_().to(pictures.dtype)
