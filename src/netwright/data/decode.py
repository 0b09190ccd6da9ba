"""Picture files into tensors.

Pillow decodes every format; of plain colour JPEGs `jpeg` gives the same bytes sooner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor

from netwright._errors import BadData
from netwright.data.jpeg import plain_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "EXTENSIONS",
    "Header",
    "decode",
    "fit_channels",
    "fit_size",
    "picture_tensor",
    "read_header",
    "verify",
]

EXTENSIONS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif", ".heic", ".heif"),
    }
)
"""Also what pillow may not read (heic): such pictures are named, not passed over in silence."""

GREY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"})
TOO_DEEP = frozenset({"I", "F"})  # 32 bits an entry: no range is known to scale from
SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations that swap height and width
ORIENTATION = 0x0112
JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """What a picture file says of itself, as it will be once decoded."""

    height: int
    width: int
    channels: int


def read_header(path: str | Path) -> Header:
    """Size and channels without decoding the pixels; a palette counts as colour.

    Raises:
        BadData: not a picture that can be read; the sentence is the reason alone.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            if image.getexif().get(ORIENTATION) in SIDEWAYS:
                width, height = height, width
            return Header(height=height, width=width, channels=_channels(image))
    except Exception as error:  # decoders raise anything at all on damaged bytes
        raise BadData(_reason(error)) from error


def verify(path: str | Path) -> None:
    """Find damage without decoding, where the format has a check; decode where it looks torn.

    Raises:
        BadData: damaged; the sentence is the reason alone.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            jpeg = image.format == "JPEG"
            image.verify()
    except Exception as error:
        raise BadData(_reason(error)) from error
    if jpeg and not _has_end(path):
        decode(path, channels=1)


def decode(path: str | Path, *, channels: int) -> UInt8[Tensor, "c h w"]:
    """The picture upright, in 8 bits, grey (1) or RGB (3); the first frame of several.

    Its memory may be laid out as h w c.

    Raises:
        BadData: not a picture that can be read; the sentence is the reason alone.
    """
    from PIL import Image

    try:
        content = np.fromfile(path, dtype=np.uint8)
        pixels = plain_jpeg(content) if channels == 3 else None
        if pixels is not None:
            return pixels
        with Image.open(path) as image:
            return picture_tensor(image, channels=channels)
    except Exception as error:
        raise BadData(_reason(error)) from error


def picture_tensor(image: Image, *, channels: int | None = None) -> UInt8[Tensor, "c h w"]:
    """A pillow image as a tensor; 16-bit greys keep their upper byte, transparency is dropped."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    channels = _channels(upright) if channels is None else channels
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    pixels = np.array(upright.convert("L" if channels == 1 else "RGB"))
    tensor = torch.from_numpy(pixels)
    return tensor[None] if channels == 1 else tensor.permute(2, 0, 1)


def fit_size(
    pictures: Shaped[Tensor, "n c h w"], size: tuple[int, int]
) -> Shaped[Tensor, "n c h2 w2"]:
    """Resize until both sides are at least `size` and one is exact, then cut out the centre."""
    height, width = size
    if pictures.shape[-2:] == (height, width):
        return pictures
    scale = max(height / pictures.shape[-2], width / pictures.shape[-1])
    inner = (
        max(height, math.floor(pictures.shape[-2] * scale + 0.5)),
        max(width, math.floor(pictures.shape[-1] * scale + 0.5)),
    )
    if inner != tuple(pictures.shape[-2:]):
        pictures = torch.nn.functional.interpolate(
            pictures, inner, mode="bilinear", antialias=True, align_corners=False
        )
    top, left = (inner[0] - height) // 2, (inner[1] - width) // 2
    return pictures[..., top : top + height, left : left + width].contiguous()


def fit_channels(pictures: Shaped[Tensor, "n c h w"], channels: int) -> Shaped[Tensor, "n c2 h w"]:
    """Grey to RGB by repetition, RGB to grey by ITU-R 601 luma (pillow's integers for uint8).

    Raises:
        BadData: neither grey nor RGB.
    """
    there = pictures.shape[1]
    if there == channels:
        return pictures
    if there == 1:
        return pictures.expand(-1, channels, -1, -1).contiguous()
    if there != 3:
        raise BadData(
            f"channels must be left out for pictures of {there} channels, got "
            f"channels={channels}. Only grey and RGB are turned into each other."
        )
    if pictures.dtype == torch.uint8:
        weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32).view(1, 3, 1, 1)
        grey = (pictures.int() * weights).sum(1, keepdim=True) + 0x8000
        return (grey >> 16).to(torch.uint8)
    luma = pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (pictures * luma).sum(1, keepdim=True)


def _channels(image: Image) -> int:
    if image.mode in TOO_DEEP:
        raise BadData(f"32 bits an entry (mode {image.mode}), save it in 8 or 16")
    return 1 if image.mode in GREY_MODES else 3


def _has_end(path: str | Path) -> bool:
    with open(path, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 65536))
        return JPEG_END in file.read()


def _reason(error: Exception) -> str:
    return "not a picture" if type(error).__name__ == "UnidentifiedImageError" else str(error)
