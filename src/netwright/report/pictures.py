"""Pictures inside the page, within a budget of bytes."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.runs.store import RunFolder

__all__ = ["Album", "heat_map"]

SIDE = 160  # pixels that a picture is shown with at most, on a dense screen
SMALL = 48  # up to this side a picture is enlarged without smoothing, so that pixels are seen


class Album:
    """Turns the pictures of a run into data addresses until its budget is spent.

    Args:
        folder: of the run.
        budget: bytes that all pictures may take together.
    """

    def __init__(self, folder: RunFolder, *, budget: int) -> None:
        self._folder = folder
        self._left = budget

    def add(self, file: str | None) -> dict[str, Any] | None:
        """One picture as {address, is_small}; None where there is none, or no room for it.

        Args:
            file: its name within the run or within its `pictures/`.
        """
        if not file or self._left <= 0:
            return None
        name = file if self._folder.has(file) else f"pictures/{file}"
        try:
            kind, content, is_small = _small_enough(self._folder.read_bytes(name))
        except (OSError, ValueError, SyntaxError):  # not there, or no picture; the page goes on
            return None
        address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        if len(address) > self._left:
            self._left = 0
            return None
        self._left -= len(address)
        return {"address": address, "is_small": is_small}


def _small_enough(content: bytes) -> tuple[str, bytes, bool]:
    from PIL import Image

    with Image.open(BytesIO(content)) as picture:
        is_small = max(picture.size) <= SMALL
        if picture.format == "PNG" and max(picture.size) <= SIDE and len(content) <= 8192:
            picture.verify()
            return "png", content, is_small
        shown = picture.convert("RGB")
    shown.thumbnail((SIDE, SIDE))
    written = BytesIO()
    shown.save(written, format="JPEG", quality=82, optimize=True)
    return "jpeg", written.getvalue(), is_small


def heat_map(shares: NDArray[np.float64], *, side: int = 240) -> str:
    """A large matrix of shares in [0, 1] as a picture whose opacity is the share.

    Args:
        shares: (k, k).
        side: pixels at most; where there are more cells, the largest of several stands for them.
    """
    from PIL import Image

    parts = np.linspace(0, len(shares), min(len(shares), side) + 1).astype(int)[:-1]
    pooled = np.maximum.reduceat(np.maximum.reduceat(shares, parts, axis=0), parts, axis=1)
    pixels = np.empty((*pooled.shape, 4), dtype=np.uint8)
    pixels[..., :3] = (61, 124, 165)
    pixels[..., 3] = np.round(255 * np.sqrt(np.clip(pooled, 0, 1)))
    written = BytesIO()
    Image.fromarray(pixels).save(written, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
