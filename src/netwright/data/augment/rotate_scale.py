"""Pictures turned and zoomed by a little."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["rotate_scale", "turn"]


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
    if not 0 <= degrees <= 180:
        raise must_be("degrees", "from 0 to 180", degrees)
    if not 0 <= scale < 1:
        raise must_be("scale", "from 0 to below 1", scale, "0.1 is from 90 % to 110 %.")
    return turn(
        pictures,
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
    height, width = pictures.shape[-2:]
    cosine, sine, nothing = radians.cos() / zoom, radians.sin() / zoom, torch.zeros_like(zoom)
    # where each pixel comes from; coordinates run from -1 to 1 along both sides, so an angle in a
    # picture that is not square needs the ratio of the sides
    back = torch.stack(
        [
            torch.stack([cosine, -sine * (height / width), nothing], -1),
            torch.stack([sine * (width / height), cosine, nothing], -1),
        ],
        -2,
    )
    values = pictures if pictures.is_floating_point() else pictures.float()
    grid = F.affine_grid(back.to(values.dtype), list(pictures.shape), align_corners=False)
    turned = F.grid_sample(values, grid, padding_mode="border", align_corners=False)
    return turned if pictures.is_floating_point() else turned.round_().to(pictures.dtype)
