"""Updates that a device left out by itself, counted there."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Tally"]


class Tally:
    """How many updates were left out, without waiting for the device at each.

    Args:
        in_row: how many were left out just before.
        like: a tensor on the device that counts.
    """

    def __init__(self, *, in_row: int, like: Tensor) -> None:
        self._left_out = torch.zeros_like(like)
        self._in_row = torch.full_like(like, in_row)
        self._longest = self._in_row.clone()

    def add(self, left_out: Tensor) -> None:
        """Take in one update: 1 where it was left out, 0 where it was applied."""
        self._left_out = self._left_out + left_out
        self._in_row = (self._in_row + 1) * left_out
        self._longest = torch.maximum(self._longest, self._in_row)

    def read(self) -> tuple[int, int, int]:
        """Left out in all, left out last in a row, and the longest row."""
        counted = torch.stack([self._left_out, self._in_row, self._longest]).tolist()
        left_out, in_row, longest = map(int, counted)
        return left_out, in_row, longest
