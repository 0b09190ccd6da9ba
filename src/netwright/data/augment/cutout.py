"""Pictures with a square taken out."""

from __future__ import annotations

import torch
from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["cutout"]


def cutout(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    fraction: float = 0.5,
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Replace a square at a random place, so that no single part decides.

    The centre may be anywhere, so part of the square can lie outside.

    Paper: Improved regularization of convolutional neural networks with cutout, DeVries and Taylor
        2017, https://arxiv.org/abs/1708.04552
    Differs: the paper fills with 0 after normalisation; here the raw picture is filled with its own
        mean, which normalises to near 0.

    Args:
        pictures: of any type.
        draws: their random numbers.
        fraction: side of the square, from 0 to 1 of the shorter side of the picture.
        fill: value of the square; None is the mean of each channel of the picture.
    """
    if not 0 <= fraction <= 1:
        raise must_be("fraction", "from 0 to 1, a share of the shorter side", fraction)
    height, width = pictures.shape[-2:]
    side = round(fraction * min(height, width))
    rows = _covered(draws.uniform("row"), height, side=side)
    columns = _covered(draws.uniform("column"), width, side=side)
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    if fill is not None:
        return pictures.masked_fill(hole, fill)
    mean = pictures.mean((2, 3), keepdim=True, dtype=torch.float32)
    exact = mean if pictures.is_floating_point() else mean.round()
    return torch.where(hole, exact.to(pictures.dtype), pictures)


def _covered(unit: Tensor, size: int, *, side: int) -> Tensor:
    """(n, size) True along the `side` places about a centre."""
    first = (unit * size).long() - side // 2
    apart = torch.arange(size, device=unit.device) - first[:, None]
    return (apart >= 0) & (apart < side)
