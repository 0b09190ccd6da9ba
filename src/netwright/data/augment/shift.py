"""Pictures moved by whole pixels."""

from __future__ import annotations

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["shift", "translate"]


def shift(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    fraction: float = 0.08,
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Move each picture by up to `fraction` of its height and of its width, in whole pixels.

    When to use it: nearly always; where a thing is seldom decides what it is.

    Args:
        pictures: of any type.
        draws: their random numbers.
        fraction: from 0 to 1.
        fill: value of what comes in at the border; None repeats the edge.
    """
    if not 0 <= fraction <= 1:
        raise must_be("fraction", "from 0 to 1, a share of the picture's size", fraction)
    height, width = pictures.shape[-2:]
    return translate(
        pictures,
        down=draws.integer("down", most=round(fraction * height)),
        right=draws.integer("right", most=round(fraction * width)),
        fill=fill,
    )


def translate(
    pictures: Shaped[Tensor, "n c h w"],
    *,
    down: Int[Tensor, "n"],
    right: Int[Tensor, "n"],
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Move each picture by its own number of pixels; see `shift`."""
    count, channels, height, width = pictures.shape
    rows = torch.arange(height, device=pictures.device) - down[:, None]
    columns = torch.arange(width, device=pictures.device) - right[:, None]
    pixels = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
    # one gather for both directions; the same pixels serve every channel without being copied
    pixels = pixels.view(count, 1, -1).expand(count, channels, -1)
    moved = pictures.reshape(count, channels, -1).gather(2, pixels).view(pictures.shape)
    if fill is None:
        return moved
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None
    ]
    return moved.masked_fill_(~inside[:, None], fill)
