"""A part of each picture, of its own size and proportions, brought to one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.geometry import Geometry

__all__ = ["Part", "boxes", "cut", "random_resized_crop", "resized_part"]

ATTEMPTS = 10


def random_resized_crop(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    scale: Sequence[float] = (0.5, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
) -> Shaped[Tensor, "n c h w"]:
    """Cut a random box out of each picture and bring it back to the picture's size.

    When to use it: photographs, whose subject is seen from any distance. Pictures that are read
    from files are cut while they are whole, before they are brought to one size, if this is the
    first augmentation of the recipe.

    Paper: Going deeper with convolutions, Szegedy et al. 2015, section 6,
        https://arxiv.org/abs/1409.4842
    Differs: areas from half the picture up, where the paper begins at 8 %, which needs far longer
        training.

    Args:
        pictures: of any type.
        draws: their random numbers.
        scale: least and largest area, as shares of the picture's.
        ratio: least and largest width over height, drawn evenly in their logarithm.
    """
    return resized_part(pictures.shape[-2:], draws, scale=scale, ratio=ratio).pictures(pictures)


def resized_part(
    size: Sequence[int],
    draws: Draws,
    *,
    scale: Sequence[float] = (0.5, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
) -> Part:
    """What `random_resized_crop` does to pictures of `size`."""
    sizes = torch.tensor([list(size)], device=draws.index.device).expand(len(draws.index), 2)
    return Part(boxes(sizes, draws, scale=scale, ratio=ratio))


@dataclass(frozen=True)
class Part(Geometry):
    """A box of each picture, brought to the picture's size.

    Attributes:
        box: (n, 4) top, left, height, width.
    """

    box: Int[Tensor, "n 4"]

    def pictures(self, pictures: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c h w"]:
        """See `Geometry.pictures`; bilinear."""
        height, width = pictures.shape[-2:]
        top, left, tall, wide = self.box.unbind(1)
        values = pictures if pictures.is_floating_point() else pictures.float()
        down = _sources(top, tall, height, kind=values.dtype)[:, :, None].expand(-1, -1, width)
        across = _sources(left, wide, width, kind=values.dtype)[:, None].expand(-1, height, -1)
        grid = torch.stack([across, down], 1).permute(0, 2, 3, 1)
        enlarged = F.grid_sample(values, grid, padding_mode="border", align_corners=False)
        return enlarged if pictures.is_floating_point() else enlarged.round_().to(pictures.dtype)

    def masks(
        self, masks: Shaped[Tensor, "n k h w"], *, fill: float = 0
    ) -> Shaped[Tensor, "n k h w"]:
        """See `Geometry.masks`; the nearest pixel, and nothing comes in."""
        height, width = masks.shape[-2:]
        top, left, tall, wide = self.box.unbind(1)
        rows = _nearest(top, tall, height)[:, None, :, None].expand(*masks.shape[:3], width)
        columns = _nearest(left, wide, width)[:, None, None, :].expand(masks.shape)
        return masks.gather(2, rows).gather(3, columns)

    def points(
        self, points: Float[Tensor, "n p 2"], *, size: tuple[int, int]
    ) -> Float[Tensor, "n p 2"]:
        """See `Geometry.points`."""
        top, left, tall, wide = self.box.unbind(1)
        across, down = points.unbind(-1)
        across = (across - left[:, None]) * (size[1] / wide)[:, None]
        return torch.stack([across, (down - top[:, None]) * (size[0] / tall)[:, None]], -1)


def boxes(
    sizes: Int[Tensor, "n 2"],
    draws: Draws,
    *,
    scale: Sequence[float] = (0.5, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
) -> Int[Tensor, "n 4"]:
    """A box (top, left, height, width) in each picture of `sizes` (height, width).

    As torchvision draws them: the first of ten attempts that lies inside, else the largest box in
    the middle whose proportions are allowed.
    """
    _refuse_range("scale", scale, most=1.0)
    _refuse_range("ratio", ratio, most=math.inf)
    height, width = sizes.unbind(1)
    attempts = range(ATTEMPTS)
    area = draws.uniforms([f"area{at}" for at in attempts], low=scale[0], high=scale[1])
    shape = draws.uniforms(
        [f"ratio{at}" for at in attempts], low=math.log(ratio[0]), high=math.log(ratio[1])
    ).exp()
    area = area * (height * width)
    rows, columns = (area / shape).sqrt().round().long(), (area * shape).sqrt().round().long()
    fits = (rows <= height) & (columns <= width) & (rows > 0) & (columns > 0)
    undecided = ~fits.any(0)
    first = (fits * torch.arange(ATTEMPTS, 0, -1, device=sizes.device)[:, None]).argmax(0)[None]
    tall, wide = _largest(height, width, ratio)
    tall = torch.where(undecided, tall, rows.gather(0, first)[0])
    wide = torch.where(undecided, wide, columns.gather(0, first)[0])
    top = (draws.uniform("top") * (height - tall + 1)).long()
    left = (draws.uniform("left") * (width - wide + 1)).long()
    top = torch.where(undecided, (height - tall) // 2, top)
    left = torch.where(undecided, (width - wide) // 2, left)
    return torch.stack([top, left, tall, wide], 1)


def cut(
    picture: Shaped[Tensor, "c h w"], box: Sequence[int], *, size: Sequence[int]
) -> Shaped[Tensor, "c h2 w2"]:
    """The box (top, left, height, width) of a picture at another size, antialiased.

    Bytes are resized in whole numbers by torch, to within 1 of the exact value.
    """
    top, left, height, width = box
    part = picture[None, :, top : top + height, left : left + width]
    return F.interpolate(part, tuple(size), mode="bilinear", antialias=True, align_corners=False)[0]


def _sources(
    first: Tensor, length: Tensor, size: int, *, kind: torch.dtype
) -> Float[Tensor, "n h"]:
    """Where each of `size` places of a stretch comes from, never beyond it, from −1 to 1."""
    places = torch.arange(size, device=first.device, dtype=kind)
    source = ((places + 0.5) * (length[:, None].to(kind) / size) - 0.5).clamp_(min=0)
    source = source.minimum(length[:, None].to(kind) - 1).add_(first[:, None])
    return source.mul_(2).add_(1).div_(size).sub_(1)


def _nearest(first: Tensor, length: Tensor, size: int) -> Int[Tensor, "n h"]:
    """The place that each of `size` places of a stretch takes."""
    middles = 2 * torch.arange(size, device=first.device) + 1
    return first[:, None] + middles * length[:, None] // (2 * size)


def _largest(height: Tensor, width: Tensor, ratio: Sequence[float]) -> tuple[Tensor, Tensor]:
    proportion = width / height
    tall = torch.where(proportion < ratio[0], (width / ratio[0]).round().long(), height)
    wide = torch.where(proportion > ratio[1], (height * ratio[1]).round().long(), width)
    return tall.minimum(height), wide.minimum(width)


def _refuse_range(name: str, pair: Sequence[float], *, most: float) -> None:
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= most or math.isinf(pair[1]):
        rule = "two numbers above 0, the smaller first" + (" and at most 1" if most == 1 else "")
        raise must_be(name, rule, list(pair))
