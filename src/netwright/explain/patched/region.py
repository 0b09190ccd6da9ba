"""Copies of one map that differ from it in a box each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netwright.explain.patched.boxes import Span
from netwright.explain.patched.tape import Tape

__all__ = ["Region", "layout"]


@dataclass(frozen=True, kw_only=True)
class Region:
    """Copies of a map, kept as what they share and what they differ in.

    Attributes:
        tape: of the picture.
        base: (1, c, h, w), the map of the picture nothing was changed in.
        crops: (b, c, rows.size, columns.size), what stands in its place.
        rows: where, from above.
        columns: where, from the left.
    """

    tape: Tape
    base: Float[Tensor, "1 c h w"]
    crops: Float[Tensor, "b c p q"]
    rows: Span
    columns: Span

    @property
    def shape(self) -> torch.Size:
        """(b, c, h, w) of the copies."""
        return torch.Size((len(self.crops), *self.base.shape[1:]))

    def cut(
        self,
        rows: Span,
        columns: Span,
        *,
        padded: Tensor | None = None,
        before: tuple[int, int] = (0, 0),
    ) -> Float[Tensor, "b c r s"]:
        """Other boxes of the copies.

        Args:
            rows: of the boxes.
            columns: of the boxes.
            padded: the base with something around it, for boxes that reach beyond its ends.
            before: how much there is above and on the left.
        """
        if rows == self.rows and columns == self.columns:
            return self.crops
        source = self.base if padded is None else padded
        shape = (len(self.crops), source.shape[1], rows.size, columns.size)
        found = torch.empty(
            shape, dtype=source.dtype, device=source.device, memory_format=layout(source)
        )
        for at, piece in enumerate(found):
            top, left = rows.starts[at], columns.starts[at]
            down, right = top + before[0], left + before[1]
            piece.copy_(source[0, :, down : down + rows.size, right : right + columns.size])
            y, y_end = _overlap(self.rows.starts[at] - top, self.rows.size, rows.size)
            x, x_end = _overlap(self.columns.starts[at] - left, self.columns.size, columns.size)
            down, right = top - self.rows.starts[at], left - self.columns.starts[at]
            inner = self.crops[at, :, y + down : y_end + down, x + right : x_end + right]
            piece[:, y:y_end, x:x_end].copy_(inner)
        self.tape.pieces += len(found)
        return found

    def whole(self) -> Float[Tensor, "b c h w"]:
        """The copies themselves."""
        height, width = self.base.shape[2:]
        none = (0,) * len(self.crops)
        found = self.cut(Span(height, none), Span(width, none))
        return found.clone() if found is self.crops else found


def layout(value: Tensor) -> torch.memory_format:
    """How a map lies in memory: colours last, or as it comes."""
    last = value.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _overlap(start: int, size: int, room: int) -> tuple[int, int]:
    """The part of a stretch that lies between 0 and `room`."""
    begin = max(start, 0)
    return begin, max(begin, min(start + size, room))
