"""Pictures of other colours."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.augment.draws import Draws

__all__ = ["recolour", "saturation_hue"]

# what each primary weighs in the grey of a picture: ITU-R BT.601, as in PIL and torchvision
_RED, _GREEN, _BLUE = 0.2989, 0.587, 0.114


def saturation_hue(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    saturation: float = 0.2,
    hue: float = 0.05,
) -> Shaped[Tensor, "n c h w"]:
    """Turn each picture's hues, then change how far its colours are from grey.

    When to use it: photographs under lamps and skies of any kind; never where the colour is what
    tells the classes apart. A grey picture, of one channel or of three alike, stays as it is.

    Args:
        pictures: uint8, which stay in 0 to 255, or floating point, which are not cut off.
        draws: their random numbers.
        saturation: largest change either way, from 0 to 1: 0.2 is from 80 % to 120 %.
        hue: largest turn either way, from 0 to 0.5, a share of the whole circle.
    """
    if not 0 <= saturation <= 1:
        raise must_be("saturation", "from 0 to 1", saturation, "0.2 is from 80 % to 120 %.")
    if not 0 <= hue <= 0.5:
        raise must_be("hue", "from 0 to 0.5, a share of the circle", hue)
    return recolour(
        pictures,
        saturation=draws.uniform("saturation", low=1 - saturation, high=1 + saturation),
        hue=draws.uniform("hue", low=-hue, high=hue),
    )


def recolour(
    pictures: Shaped[Tensor, "n c h w"],
    *,
    saturation: Float[Tensor, "n"],
    hue: Float[Tensor, "n"],
) -> Shaped[Tensor, "n c h w"]:
    """Apply to each picture its own turn of the hues and its own factor; see `saturation_hue`."""
    if pictures.shape[1] == 1:
        return pictures.clone()
    if pictures.shape[1] != 3:
        raise must_be(
            "inputs", "pictures of 1 or 3 channels for other colours", tuple(pictures.shape),
            "Leave saturation-hue out.", error=BadData,
        )  # fmt: skip
    values = pictures if pictures.is_floating_point() else pictures.float()
    turned = _turned(values, hue.to(values.dtype)[:, None, None])
    red, green, blue = turned.unbind(1)
    grey = (red * _RED).add_(green * _GREEN).add_(blue * _BLUE)[:, None]
    mixed = torch.lerp(grey, turned, saturation.to(values.dtype)[:, None, None, None])
    if pictures.is_floating_point():
        return mixed
    return mixed.clamp_(0, 255).round_().to(pictures.dtype)


def _turned(values: Float[Tensor, "n 3 h w"], hue: Float[Tensor, "n 1 1"]) -> Tensor:
    """Hue by hue of the hexagon between red, green and blue; largest and least stay what they are.

    A channel is as far below the largest as its hue is away from the primary's, in sextants.
    """
    red, green, blue = values.unbind(1)
    most = torch.maximum(torch.maximum(red, green), blue)
    spread = most - torch.minimum(torch.minimum(red, green), blue)
    apart = spread.clamp(min=torch.finfo(values.dtype).tiny)
    sextant = torch.where(
        most == red,
        (green - blue) / apart,
        torch.where(most == green, 2 + (blue - red) / apart, 4 + (red - green) / apart),
    )
    sextant = sextant + 6 * hue
    primaries = values.new_tensor([5, 3, 1])[:, None, None]
    away = torch.remainder(primaries + sextant[:, None], 6)
    below = torch.minimum(away, 4 - away).clamp_(0, 1)
    return torch.addcmul(most[:, None], below, spread[:, None], value=-1)
