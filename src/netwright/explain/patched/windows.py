"""Windows that slide over a picture, and what each says spread over the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import BadType, must_be

__all__ = ["Sides", "Windows", "windows_over"]

Sides: TypeAlias = int | tuple[int, int]
"""Rows and columns, or one number for both."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Places of a window on a picture.

    Attributes:
        size: rows and columns of the window.
        over: rows and columns of the picture.
        tops: the first row of each row of windows.
        lefts: the first column of each column of windows.
    """

    size: tuple[int, int]
    over: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Top and left of every window, row by row."""
        return [(top, left) for top in self.tops for left in self.lefts]

    def spread(self, values: Float[Tensor, "n r s"]) -> Float[Tensor, "n h w"]:
        """For each pixel the mean over the windows that cover it; the nearest where none does."""
        down = _covered(self.tops, self.size[0], self.over[0]).to(values)
        across = _covered(self.lefts, self.size[1], self.over[1]).to(values)
        return (down / down.sum(0)).T @ values @ (across / across.sum(0))


def windows_over(
    over: tuple[int, int],
    *,
    window: Sides | None,
    stride: Sides | None,
) -> Windows:
    """Windows from the first row and column on; the last are moved to end with the picture.

    Args:
        over: rows and columns of the picture.
        window: rows and columns, or one number for both; None for a seventh of the shorter side.
        stride: from one window to the next, in the same form; None for half a window.

    Raises:
        BadType: no whole numbers.
        BadValue: a window larger than the picture, or a stride below 1.
    """
    size = _pair("window", window, (max(1, min(over) // 7),) * 2)
    step = _pair("stride", stride, (max(1, size[0] // 2), max(1, size[1] // 2)))
    if any(own > whole for own, whole in zip(size, over, strict=True)):
        raise must_be("window", f"at most {over}, the rows and columns of the picture", window)
    tops, lefts = (_starts(whole, own, by) for whole, own, by in zip(over, size, step, strict=True))
    return Windows(size=size, over=over, tops=tops, lefts=lefts)


def _pair(name: str, given: Sides | None, default: tuple[int, int]) -> tuple[int, int]:
    if given is None:
        return default
    values = given if isinstance(given, tuple | list) else (given, given)
    if len(values) != 2 or any(type(value) is not int for value in values):
        raise must_be(
            name, "a whole number, or one for rows and one for columns", given, error=BadType
        )
    if min(values) < 1:
        raise must_be(name, "at least 1", given)
    return values[0], values[1]


def _starts(whole: int, size: int, step: int) -> tuple[int, ...]:
    inside = range(0, whole - size + 1, step)
    overhanging = inside[-1] + size < whole and step <= size
    return (*inside, whole - size) if overhanging else tuple(inside)


def _covered(starts: tuple[int, ...], size: int, whole: int) -> Tensor:
    """(windows, pixels) of an axis: 1 where a window covers a pixel."""
    pixels, first = torch.arange(whole), torch.tensor(starts).unsqueeze(1)
    distance = torch.maximum(first - pixels, pixels - (first + size - 1)).clamp(min=0)
    return (distance == distance.amin(0)).float()
