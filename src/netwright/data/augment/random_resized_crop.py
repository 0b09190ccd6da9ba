"""A part of each picture, of its own size and proportions, brought to one size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["boxes", "cut", "random_resized_crop"]

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
    height, width = pictures.shape[-2:]
    sizes = torch.tensor([[height, width]], device=pictures.device).expand(len(pictures), 2)
    top, left, tall, wide = boxes(sizes, draws, scale=scale, ratio=ratio).unbind(1)
    values = pictures if pictures.is_floating_point() else pictures.float()
    down = _weights(top, tall, height, kind=values.dtype)[:, None]
    across = _weights(left, wide, width, kind=values.dtype)[:, None]
    enlarged = down @ values @ across.transpose(-1, -2)
    return enlarged if pictures.is_floating_point() else enlarged.round_().to(pictures.dtype)


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


def _weights(
    first: Tensor, length: Tensor, size: int, *, kind: torch.dtype
) -> Float[Tensor, "n h h"]:
    """How much of each place `size` places of a stretch take; it is enlarged or left as it is."""
    places = torch.arange(size, device=first.device, dtype=kind)
    source = ((places + 0.5) * (length[:, None].to(kind) / size) - 0.5).clamp_(min=0)
    low = source.long()
    last = length[:, None] - 1
    high = (low + 1).minimum(last)
    share = source - low
    rows = source.new_zeros(len(first), size, size)
    rows.scatter_add_(2, (low.minimum(last) + first[:, None])[..., None], (1 - share)[..., None])
    return rows.scatter_add_(2, (high + first[:, None])[..., None], share[..., None])


def _largest(height: Tensor, width: Tensor, ratio: Sequence[float]) -> tuple[Tensor, Tensor]:
    proportion = width / height
    tall = torch.where(proportion < ratio[0], (width / ratio[0]).round().long(), height)
    wide = torch.where(proportion > ratio[1], (height * ratio[1]).round().long(), width)
    return tall.minimum(height), wide.minimum(width)


def _refuse_range(name: str, pair: Sequence[float], *, most: float) -> None:
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= most:
        rule = "two numbers above 0, the smaller first" + (" and at most 1" if most == 1 else "")
        raise must_be(name, rule, list(pair))
