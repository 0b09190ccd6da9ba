"""Pictures slanted, turned, zoomed and moved, all at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.warp import Warp, straight

__all__ = ["affine", "affine_warp"]


def affine(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    degrees: float = 10.0,
    scale: float = 0.1,
    shear: float = 10.0,
    shift: float = 0.05,
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Slant, turn, zoom and move each picture, and read it once, with bilinear interpolation.

    When to use it: handwriting, and what is seen at an angle; one of it costs less than
    `rotate-scale` and `shift` in a row.

    Args:
        pictures: of any type, which they keep.
        draws: their random numbers.
        degrees: largest angle either way, from 0 to 180.
        scale: largest zoom either way, from 0 to below 1.
        shear: largest slant of an upright either way, in degrees, from 0 to below 90.
        shift: largest move either way, as a share of the picture's size, from 0 to 1.
        fill: value of what comes in; None repeats the edge.
    """
    warp = affine_warp(
        pictures.shape[-2:],
        draws,
        degrees=degrees,
        scale=scale,
        shear=shear,
        shift=shift,
        fill=fill,
    )
    return warp.pictures(pictures)


def affine_warp(
    size: Sequence[int],
    draws: Draws,
    *,
    degrees: float = 10.0,
    scale: float = 0.1,
    shear: float = 10.0,
    shift: float = 0.05,
    fill: float | None = None,
) -> Warp:
    """What `affine` does to pictures of `size`."""
    if not 0 <= degrees <= 180:
        raise must_be("degrees", "from 0 to 180", degrees)
    if not 0 <= scale < 1:
        raise must_be("scale", "from 0 to below 1", scale, "0.1 is from 90 % to 110 %.")
    if not 0 <= shear < 90:
        raise must_be("shear", "from 0 to below 90 degrees", shear)
    if not 0 <= shift <= 1:
        raise must_be("shift", "from 0 to 1, a share of the picture's size", shift)
    angle, zoom, slant, right, down = draws.uniforms(
        ("angle", "zoom", "slant", "right", "down"), low=-1, high=1
    )
    return straight(
        size,
        radians=angle * math.radians(degrees),
        zoom=1 + zoom * scale,
        slant=(slant * math.radians(shear)).tan(),
        move=torch.stack([right, down], -1) * shift,
        fill=fill,
    )
