"""Pictures mirrored and moved by whole pixels: copies of runs, no arithmetic on pixels.

Flip, shift and crop only say where each picture goes; several in a row become one `Move`, so that
the pixels are touched once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from netwright._errors import must_be, unknown
from netwright.data.augment.geometry import Geometry

__all__ = ["BORDERS", "Framed", "Movable", "Move", "border_of", "moved"]

Border = Callable[[Tensor, tuple[int, int]], None]
"""Fills the frame (rows, columns) around pictures that lie in the middle of a larger tensor."""


@dataclass(frozen=True)
class Move(Geometry):
    """Where each picture goes: mirrored first, then moved.

    Attributes:
        mirrored: (n,) whether left and right are exchanged; None where none is.
        down: (n,) pixels; None, like `right`, where nothing is moved.
        right: (n,) pixels.
        reach: largest `down` and `right` there can be, either way.
        border: what comes in: a number, or one of `BORDERS`.
    """

    mirrored: Bool[Tensor, "n"] | None = None
    down: Int[Tensor, "n"] | None = None
    right: Int[Tensor, "n"] | None = None
    reach: tuple[int, int] = (0, 0)
    border: float | str = 0.0

    def then(self, later: Move) -> Move:
        """Both as one move; at most one of them moves pixels in."""
        mirrored = _exclusive_or(self.mirrored, later.mirrored)
        if self.right is None:
            return replace(later, mirrored=mirrored)
        turned = self.right
        if later.mirrored is not None:  # what was moved right before the mirror is left of it after
            turned = turned * (1 - 2 * later.mirrored.long())
        return replace(self, mirrored=mirrored, right=turned)

    def pictures(self, pictures: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c h w"]:
        """See `Geometry.pictures`."""
        return moved(pictures, self)

    def masks(
        self, masks: Shaped[Tensor, "n k h w"], *, fill: float = 0
    ) -> Shaped[Tensor, "n k h w"]:
        """See `Geometry.masks`."""
        return moved(masks, self if isinstance(self.border, str) else replace(self, border=fill))

    def points(
        self, points: Float[Tensor, "n p 2"], *, size: tuple[int, int]
    ) -> Float[Tensor, "n p 2"]:
        """See `Geometry.points`."""
        across, down = points.unbind(-1)
        if self.mirrored is not None:
            across = torch.where(self.mirrored[:, None], size[1] - across, across)
        if self.right is not None and self.down is not None:
            across, down = across + self.right[:, None], down + self.down[:, None]
        return torch.stack([across, down], -1)


class Movable:
    """Pictures in one piece of memory with a guard at both ends, mirrored ones behind them.

    So a moved picture is one run of memory that begins some pixels early or late, mirrored or not.

    Attributes:
        rows: (m, c, h, w) all that can be read, the pictures first.
        count: of the pictures, without the mirrored.
    """

    def __init__(
        self, pictures: Shaped[Tensor, "n c h w"], mirrored: Shaped[Tensor, "k c h w"] | None = None
    ) -> None:
        _, _, height, width = pictures.shape
        guard = pictures.new_zeros((height + 1) * width)
        parts = [part for part in (pictures, mirrored) if part is not None]
        self._flat = torch.cat([guard, *(part.reshape(-1) for part in parts), guard])
        self._guard = len(guard)
        self.count = len(pictures)
        inside = self._flat[self._guard : len(self._flat) - self._guard]
        self.rows = inside.view(-1, *pictures.shape[1:])

    def moved(self, rows: Int[Tensor, "n"], move: Move) -> Shaped[Tensor, "n c h w"]:
        """The pictures of `rows` as they are after `move`, which mirrors nothing itself."""
        if move.down is None or move.right is None:
            return self.rows.index_select(0, rows)
        if isinstance(move.border, str):
            chosen = Framed(self.rows.index_select(0, rows), frame=move.reach, border=move.border)
            return chosen.moved(torch.arange(len(rows), device=rows.device), move)
        return self._from_runs(rows, move, fill=move.border)

    def _from_runs(self, rows: Tensor, move: Move, *, fill: float) -> Tensor:
        """What lies beyond an edge comes from the row or picture beside it and is painted over."""
        down, right = _within(move, self.rows)
        _, channels, height, width = self.rows.shape
        size = channels * height * width
        runs = self._flat.as_strided((self._flat.numel() - size + 1, size), (1, 1))
        starts = (rows * size).sub_(down * width).sub_(right).add_(self._guard)
        out = runs.index_select(0, starts).view(len(rows), channels, height, width)
        kind = _BITS[out.element_size()]
        above, beside = _kept(height, width, _reach(move, self.rows), kind, str(out.device))
        keep = above.index_select(0, down.add_(len(above) // 2))
        keep.bitwise_and_(beside.index_select(0, right.add_(len(beside) // 2)))
        bits = out.view(kind).bitwise_and_(keep[:, None])  # not ×: what is painted over may be NaN
        if fill:
            painted = torch.full((1,), fill, dtype=out.dtype, device=out.device).view(kind)
            bits.bitwise_or_(keep.bitwise_not_().bitwise_and_(painted)[:, None])
        return out


class Framed:
    """Pictures with a border of their own making around them, mirrored ones behind.

    So a moved picture is a window of one of them.

    Attributes:
        count: of the pictures, without the mirrored.
        rows: (m, c, h, w) without their frames.
    """

    def __init__(
        self,
        pictures: Shaped[Tensor, "n c h w"],
        mirrored: Shaped[Tensor, "k c h w"] | None = None,
        *,
        frame: tuple[int, int],
        border: str,
    ) -> None:
        self.count = len(pictures)
        _, channels, height, width = pictures.shape
        self._frame = top, side = min(frame[0], height), min(frame[1], width)
        parts = [part for part in (pictures, mirrored) if part is not None]
        self._framed = pictures.new_empty(
            sum(map(len, parts)), channels, height + 2 * top, width + 2 * side
        )
        self.rows = self._framed[..., top : top + height, side : side + width]
        for part, place in zip(parts, (0, self.count), strict=False):
            self.rows[place : place + len(part)] = part
        BORDERS[border](self._framed, self._frame)

    def moved(self, rows: Int[Tensor, "n"], move: Move) -> Shaped[Tensor, "n c h w"]:
        """The pictures of `rows` as they are after `move`, which mirrors nothing itself."""
        if not len(rows):  # masks of pictures without objects: there may be no memory to look into
            return self.rows.new_empty(0, *self.rows.shape[1:])
        down, right = _within(move, self.rows)
        (top, side), (_, channels, height, width) = self._frame, self.rows.shape
        plane, wide = (height + 2 * top) * (width + 2 * side), width + 2 * side
        last = (channels - 1) * plane + (height - 1) * wide + width
        windows = self._framed.as_strided(
            (self._framed.numel() - last + 1, channels, height, width), (1, plane, wide, 1)
        )
        begin = (rows * (channels * plane)).add_((top - down) * wide).add_(side - right)
        return windows.index_select(0, begin)


def moved(pictures: Shaped[Tensor, "n c h w"], move: Move) -> Shaped[Tensor, "n c h w"]:
    """The pictures after `move`; never the same tensor."""
    rows = torch.arange(len(pictures), device=pictures.device)
    if move.mirrored is None:
        return Movable(pictures).moved(rows, move)
    if pictures.device.type != "cpu":  # to count the mirrored would mean to wait for the device
        both = Movable(pictures, pictures.flip(-1))
        return both.moved(rows + move.mirrored * len(rows), move)
    chosen = move.mirrored.nonzero().squeeze(1)
    both = Movable(pictures, pictures.index_select(0, chosen).flip(-1))
    behind = torch.arange(len(rows), len(rows) + len(chosen))
    return both.moved(rows.index_copy_(0, chosen, behind), move)


def border_of(border: float | str) -> float | str:
    """Refuse a border that there is none of."""
    if isinstance(border, str) and border not in BORDERS:
        raise unknown("border", border, BORDERS)
    return border


_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@lru_cache(maxsize=4)
def _kept(
    height: int, width: int, reach: tuple[int, int], kind: torch.dtype, device: str
) -> tuple[Tensor, Tensor]:
    """For every way down and every way right, all bits where a pixel comes from the picture."""

    def inside(side: int, most: int) -> Tensor:
        source = torch.arange(side) - torch.arange(-most, most + 1)[:, None]
        return ((source >= 0) & (source < side)).to(kind).neg_()  # 1 → all bits

    rows, columns = inside(height, reach[0]), inside(width, reach[1])
    above = rows[:, :, None].expand(-1, height, width)
    beside = columns[:, None, :].expand(-1, height, width)
    return above.contiguous().to(device), beside.contiguous().to(device)


def _repeat_edge(framed: Tensor, frame: tuple[int, int]) -> None:
    top, side = frame
    inner = framed[..., top : framed.shape[-2] - top, :]
    if side:
        inner[..., :side] = inner[..., side : side + 1]
        inner[..., -side:] = inner[..., -side - 1 : -side]
    if top:
        framed[..., :top, :] = framed[..., top : top + 1, :]
        framed[..., -top:, :] = framed[..., -top - 1 : -top, :]


def _reflect(framed: Tensor, frame: tuple[int, int]) -> None:
    top, side = frame
    height, width = framed.shape[-2] - 2 * top, framed.shape[-1] - 2 * side
    if top >= height or side >= width:
        raise must_be(
            "padding", "smaller than the pictures where they are reflected", max(top, side),
            f"They are {height}×{width}.",
        )  # fmt: skip
    inner = framed[..., top : top + height, :]
    for column in range(side):  # narrow strips are copied faster one by one than reversed
        inner[..., column] = inner[..., 2 * side - column]
        inner[..., -1 - column] = inner[..., -1 - (2 * side - column)]
    for row in range(top):
        framed[..., row, :] = framed[..., 2 * top - row, :]
        framed[..., -1 - row, :] = framed[..., -1 - (2 * top - row), :]


BORDERS: Mapping[str, Border] = {"edge": _repeat_edge, "reflect": _reflect}
"""Borders made of the picture itself: its edge repeated, or mirrored without its edge."""


def _within(move: Move, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels down and right, no further than out of the picture."""
    top, side = _reach(move, pictures)
    if move.down is None or move.right is None:
        raise must_be("down", "given for a move", None)
    return move.down.clamp(-top, top), move.right.clamp(-side, side)


def _reach(move: Move, pictures: Tensor) -> tuple[int, int]:
    height, width = pictures.shape[-2:]
    return min(move.reach[0], height), min(move.reach[1], width)


def _exclusive_or(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return one if other is None else other
    return one ^ other
