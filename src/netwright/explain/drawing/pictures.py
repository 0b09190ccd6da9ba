"""Filters, weights, feature maps and maximising pictures, drawn.

Each function takes what the method of its name takes and gives a picture (PIL), which has `save`;
the fact `drawn_by` of a method in the catalogue names the function here::

    draw_filters(model, layer="conv1").save("filters.png")
    draw_feature_maps(model, images, layer="layer1", most=12)
    draw_activation_maximisation(model, (4, 3, 224, 224), target=[1, 2, 3, 4], limits=limits)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.activation_maximisation import activation_maximisation
from netwright.explain.feature_maps import feature_maps
from netwright.explain.filters import filters
from netwright.explain.weights import weights

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "draw_activation_maximisation",
    "draw_feature_maps",
    "draw_filters",
    "draw_weights",
    "tiles",
]

_SMALLEST = 48  # pixels of a tile's longer side, so that weights can be told apart
_GAP = 2


def draw_filters(model: nn.Module, **options: Any) -> Image:
    """The kernels of a convolution side by side; options of `explain.filters`."""
    return tiles(filters(model, **options))


def draw_weights(model: nn.Module, **options: Any) -> Image:
    """The weights of a layer as pictures; options of `explain.weights`."""
    return tiles(weights(model, **options))


def draw_feature_maps(
    model: nn.Module, inputs: Float[Tensor, "n c h w"], *, most: int = 16, **options: Any
) -> Image:
    """The strongest maps of a layer, one row for each picture; options of `explain.feature_maps`.

    Each map uses the whole range of grey, from its smallest number to its largest.
    """
    found = feature_maps(model, inputs, most=most, **options).maps.float()
    low, high = found.amin((2, 3), keepdim=True), found.amax((2, 3), keepdim=True)
    shown = (found - low) / torch.where(high > low, high - low, 1)
    return tiles(shown.flatten(0, 1).unsqueeze(1), columns=shown.shape[1])


def draw_activation_maximisation(
    model: nn.Module, start: Tensor | Sequence[int], *, columns: int | None = None, **options: Any
) -> Image:
    """The pictures found, side by side; options of `explain.activation_maximisation`.

    Within `limits` they are shown as the pictures that they stand for; without, each uses the whole
    range from its smallest number to its largest.
    """
    found = activation_maximisation(model, start, **options)
    if found.ndim != 4 or found.shape[1] not in {1, 3}:
        raise must_be("start", "pictures (n, 1 or 3, h, w) to be drawn", tuple(found.shape))
    limits = options.get("limits")
    if limits is None:
        low, high = found.amin((1, 2, 3), keepdim=True), found.amax((1, 2, 3), keepdim=True)
    else:
        low, high = (torch.as_tensor(one).to(found) for one in limits)
    return tiles((found - low) / (high - low), columns=columns)


def tiles(
    pictures: Float[Tensor, "k c h w"], *, columns: int | None = None, smallest: int = _SMALLEST
) -> Image:
    """Pictures between 0 and 1 in a grid; small ones are enlarged without smoothing.

    Args:
        pictures: grey or in colour.
        columns: of the grid; None for about a square.
        smallest: pixels that the longer side of each has at least.
    """
    from PIL import Image

    k, _, h, w = pictures.shape
    across = columns or math.ceil(math.sqrt(k * h / w))
    factor = max(1, math.ceil(smallest / max(h, w)))
    shown = pictures.detach().float().cpu().clamp(0, 1).expand(-1, 3, -1, -1)
    shown = shown.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    height, width = h * factor + _GAP, w * factor + _GAP
    page = torch.ones(3, math.ceil(k / across) * height + _GAP, across * width + _GAP)
    for place, one in enumerate(shown):
        top, left = (place // across) * height + _GAP, (place % across) * width + _GAP
        page[:, top : top + h * factor, left : left + w * factor] = one
    return Image.fromarray((page * 255).round().byte().permute(1, 2, 0).numpy())
