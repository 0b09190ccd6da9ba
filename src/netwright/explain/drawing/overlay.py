"""A map drawn over the picture it explains, with its scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

__all__ = ["Overlay", "Scale", "as_picture", "in_colour", "overlay", "scale_of"]

CLIP = 0.995  # a few pixels of a gradient are far above all others and would darken them
UNSIGNED, SIGNED = "inferno", "RdBu_r"  # perceptual; diverging around a white 0
OPACITY = 0.82  # of the strongest colour: the picture is to be seen below it
SMALL = 64  # up to this side pixels are enlarged without smoothing, so that they are seen


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the colours of a map stand for.

    Attributes:
        high: the value of the strongest colour; of a signed map −high has the opposite one.
        signed: whether the map has values below 0.
        clipped: share of the values that are beyond and drawn like it.
    """

    high: float
    signed: bool
    clipped: float

    def __str__(self) -> str:
        if self.high == 0:
            return "0 everywhere"
        low = f"−{self.high:.2g}" if self.signed else "0"
        beyond = f", {100 * self.clipped:.1g}\u202f% beyond" if self.clipped else ""
        return f"{low} to {self.high:.2g}{beyond}"


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A drawn map.

    Attributes:
        image: RGB.
        scale: of its colours.
    """

    image: Image
    scale: Scale


def overlay(
    heat: Float[Tensor, "*c h w"], picture: Num[Tensor, "c2 h2 w2"], *, side: int = 224
) -> Overlay:
    """A map in colour over the picture in grey: the stronger the value, the more colour.

    A signed map is red where it is positive and blue where negative, one without negative values
    goes from dark to yellow. Numbers for each colour of a pixel are added up.

    Args:
        heat: (h, w), or (c, h, w) as methods give that explain every number of the input.
        picture: grey or RGB as it was read, uint8 or in [0, 1]; of the map's size or another.
        side: pixels of the longer side of what is drawn.

    Raises:
        BadValue: the map is not finite.
    """
    values = heat.sum(0) if heat.ndim == 3 else heat
    scale = scale_of(values)
    under = as_picture(picture, side=side).convert("L").convert("RGB")
    if scale.high == 0:
        return Overlay(image=under, scale=scale)
    strength = _enlarged(values.float() / scale.high, size=under.size).clamp(-1, 1)
    return Overlay(image=_blended(strength, under, signed=scale.signed), scale=scale)


def scale_of(values: Tensor) -> Scale:
    """The scale of a map: up to the 99.5th percentile of sizes where few are far beyond it.

    Raises:
        BadValue: values that are not finite.
    """
    if not bool(values.isfinite().all()):
        raise must_be("map", "finite", "NaN or infinite values", "Are the model's scores finite?")
    sizes = values.detach().abs().flatten().double().cpu()
    largest = float(sizes.max())
    edge = float(sizes.kthvalue(max(1, round(CLIP * len(sizes)))).values)
    high = edge if 0 < 1.2 * edge < largest else largest
    beyond = float((sizes > high).double().mean())
    return Scale(high=high, signed=bool((values < 0).any()), clipped=beyond)


def as_picture(picture: Num[Tensor, "c h w"], *, side: int = 224) -> Image:
    """A tensor as an RGB image whose longer side is about `side`; small ones keep sharp pixels.

    Args:
        picture: grey or RGB, uint8 or real numbers; those outside of [0, 1] are spread from their
            least to their largest.
        side: pixels.
    """
    from PIL import Image

    pixels = picture.detach().cpu()
    pixels = pixels if pixels.shape[0] in {1, 3} else pixels.float().mean(0, keepdim=True)
    if pixels.dtype != torch.uint8:
        pixels = (_spread(pixels.float()) * 255).round().to(torch.uint8)
    shown = Image.fromarray(pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())
    size = _drawn_size(shown.size, side=side)
    sharp = max(shown.size) <= SMALL
    return shown.resize(size, Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS)


def in_colour(strength: Float[Tensor, "h w"], *, signed: bool) -> np.ndarray[Any, Any]:
    """Strengths in [0, 1], or [−1, 1] of a signed map, as RGB in [0, 255], (h, w, 3)."""
    from matplotlib import colormaps

    place = (strength + 1) / 2 if signed else strength
    coloured: np.ndarray[Any, Any] = colormaps[SIGNED if signed else UNSIGNED](place.numpy())
    return coloured[..., :3] * 255


def _blended(strength: Tensor, under: Image, *, signed: bool) -> Image:
    """Colour over grey that is dark below a palette that ends bright, and pale below the other."""
    import numpy as np
    from PIL import Image

    grey = np.asarray(under, dtype=np.float64)
    grey = 255 - 0.45 * (255 - grey) if signed else 0.62 * grey
    opacity = strength.abs().sqrt().numpy()[..., None] * OPACITY
    mixed = grey * (1 - opacity) + in_colour(strength, signed=signed) * opacity
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _enlarged(values: Tensor, *, size: tuple[int, int]) -> Tensor:
    width, height = size
    kept = values.detach().cpu()[None, None]
    if (height, width) == tuple(values.shape):
        return kept[0, 0]
    if max(values.shape) <= SMALL and height % values.shape[0] == width % values.shape[1] == 0:
        found = torch.nn.functional.interpolate(kept, (height, width), mode="nearest")
    else:
        found = torch.nn.functional.interpolate(
            kept, (height, width), mode="bilinear", antialias=True, align_corners=False
        )
    return found[0, 0]


def _drawn_size(size: tuple[int, int], *, side: int) -> tuple[int, int]:
    """By a whole factor where pixels are to be seen."""
    longer = max(size)
    factor = max(side // longer, 1) if longer <= SMALL else side / longer
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _spread(pixels: Tensor) -> Tensor:
    low, high = float(pixels.min()), float(pixels.max())
    if low >= 0 and high <= 1:
        return pixels
    return (pixels - low) / max(high - low, 1e-12)
