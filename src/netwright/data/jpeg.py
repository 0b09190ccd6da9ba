"""Plain colour JPEGs by torchvision's decoder, while it is there (deprecated since 0.29).

It is built on the library that Pillow uses, and gives the same bytes sooner, because they are
wanted side by side and Pillow keeps four for each pixel. What decoders could disagree about (other
colour spaces, orientation, damage) is not plain and left to Pillow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

__all__ = ["is_plain", "plain_jpeg"]

START, ADOBE, FIRST_APP, LAST_APP, SCAN = 0xD8, 0xEE, 0xE0, 0xEF, 0xDA
FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # 8 bits, sequential or progressive, by Huffman's code
PASSED = frozenset({0xDB, 0xC4, 0xDD, 0xFE, *range(FIRST_APP, LAST_APP + 1)})


def plain_jpeg(content: UInt8[np.ndarray, "n"]) -> UInt8[Tensor, "3 h w"] | None:
    """The picture in a whole file's bytes, laid out as h w c; None where Pillow has to decide."""
    decode_jpeg = _decoder()
    if decode_jpeg is None or not is_plain(content[:65536].tobytes()):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # once it is gone, Pillow does it
        try:
            pixels: Tensor = decode_jpeg(torch.from_numpy(content))
        except RuntimeError:  # damaged: Pillow says how
            return None
    return pixels if len(pixels) == 3 else None


def is_plain(head: bytes) -> bool:
    """Three components of 8 bits in JFIF's colours, without EXIF, which may turn the picture."""
    if head[:2] != b"\xff\xd8":
        return False
    at, jfif, colour = 2, False, False
    while head[at : at + 1] == b"\xff" and at + 4 <= len(head):
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        content = head[at + 4 : at + 2 + length]
        if marker == SCAN:
            return jfif and colour
        if marker == FIRST_APP:
            jfif = jfif or content[:5] == b"JFIF\0"
        elif marker in FRAMES:
            colour = len(content) > 5 and content[0] == 8 and content[5] == 3
        elif marker not in PASSED or marker == ADOBE or content[:4] == b"Exif":
            return False
        at += 2 + length
    return False


@cache
def _decoder() -> Callable[[Tensor], Tensor] | None:
    try:
        from torchvision.io import decode_jpeg
    except ImportError:
        return None
    made: Callable[[Tensor], Tensor] = decode_jpeg
    return made
