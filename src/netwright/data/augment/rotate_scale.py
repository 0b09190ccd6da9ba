"""Pictures turned and zoomed by a little."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.warp import Warp, straight

__all__ = ["rotate_scale", "turn", "turning"]


def rotate_scale(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    degrees: float = 10.0,
    scale: float = 0.1,
) -> Shaped[Tensor, "n c h w"]:
    """Turn each picture about its centre and zoom it, with bilinear interpolation.

    When to use it: where things are seen at no fixed angle or distance; keep the angle small where
    a turned example is another class (6 and 9).

    Args:
        pictures: of any type, which they keep.
        draws: their random numbers.
        degrees: largest angle either way, from 0 to 180.
        scale: largest zoom either way, from 0 to below 1: 0.1 is from 90 % to 110 %.
    """
    return turning(pictures.shape[-2:], draws, degrees=degrees, scale=scale).pictures(pictures)


def turning(
    size: Sequence[int], draws: Draws, *, degrees: float = 10.0, scale: float = 0.1
) -> Warp:
    """What `rotate_scale` does to pictures of `size`."""
    if not 0 <= degrees <= 180:
        raise must_be("degrees", "from 0 to 180", degrees)
    if not 0 <= scale < 1:
        raise must_be("scale", "from 0 to below 1", scale, "0.1 is from 90 % to 110 %.")
    return straight(
        size,
        radians=draws.uniform("angle", low=-1, high=1) * math.radians(degrees),
        zoom=draws.uniform("zoom", low=1 - scale, high=1 + scale),
    )


def turn(
    pictures: Shaped[Tensor, "n c h w"],
    *,
    radians: Float[Tensor, "n"],
    zoom: Float[Tensor, "n"],
) -> Shaped[Tensor, "n c h w"]:
    """Turn each picture counter-clockwise by its own angle and enlarge it by its own zoom.

    What comes in at the border repeats the edge.
    """
    return straight(pictures.shape[-2:], radians=radians, zoom=zoom).pictures(pictures)
