"""Which part of the input every element of a tensor is computed from, as intervals along its axes.

Two kinds of the same thing. The *clipped* intervals end at the picture's edge and are exact for
every element. The *free* ones go on beyond it as if the input had no edge, which is what size,
stride and start of a receptive field are about: they carry a `Motion`, the rule by which an
interval moves on with the element, and so answer for elements beyond the edge too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import gcd, lcm

import torch
from torch import Tensor

__all__ = ["NOWHERE", "Fields", "Motion", "Window", "constant", "merged", "of_input", "renumbered"]

NOWHERE = 1 << 40  # low end of an interval that holds nothing; its negative is the high end


@dataclass(frozen=True)
class Motion:
    """The interval of the element `period` further along `dim` lies `shift` further in the input.

    Attributes:
        dim: along which.
        period: elements.
        shift: positions of the input.
        size: elements along it.
        inner: where dimensions were merged, elements of those that come after it; else 1.
    """

    dim: int
    period: int
    shift: int
    size: int
    inner: int = 1

    def is_all_of(self, shape: Sequence[int]) -> bool:
        """Whether the dimension is its own, not merged with others."""
        return self.inner == 1 and self.size == shape[self.dim]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which positions along one dimension each position of the result is made of.

    Attributes:
        dim: along which.
        positions: (n, k) for each of n results; they may lie beyond the edge.
        exists: (n, k) False where there is no such position.
        inside: (n, k) what stands in for positions beyond the edge; None where nothing does.
        period: results after which the windows repeat.
        shift: positions they have then moved by.
    """

    dim: int
    positions: Tensor
    exists: Tensor
    inside: Tensor | None = None
    period: int = 1
    shift: int = 1


@dataclass(frozen=True)
class Fields:
    """Intervals of all elements of a tensor, for each axis of the input that is followed.

    Attributes:
        shape: of the tensor.
        low: for each axis, first positions, broadcastable to `shape`.
        high: for each axis, last positions.
        motion: for each axis, how its intervals move on; None where they don't, or are clipped.
    """

    shape: tuple[int, ...]
    low: tuple[Tensor, ...]
    high: tuple[Tensor, ...]
    motion: tuple[Motion | None, ...]

    @property
    def is_constant(self) -> bool:
        """Whether no element depends on the input."""
        return all(bool((a > b).all()) for a, b in zip(self.low, self.high, strict=True))

    def union(self, *others: Fields, shape: Sequence[int]) -> Fields:
        """What depends on all of them together, broadcast to `shape`."""
        shape = tuple(shape)
        parts = [one.broadcast(shape) for one in (self, *others)]
        return Fields(
            shape,
            tuple(
                reduce(torch.minimum, ends) for ends in zip(*(p.low for p in parts), strict=True)
            ),
            tuple(
                reduce(torch.maximum, ends) for ends in zip(*(p.high for p in parts), strict=True)
            ),
            merged(parts),
        )

    def broadcast(self, shape: tuple[int, ...]) -> Fields:
        """The same intervals for a tensor of a shape it is broadcast to."""
        more = len(shape) - len(self.shape)

        def moved(one: Motion | None) -> Motion | None:
            if one is None or self.shape[one.dim] != shape[one.dim + more]:
                return None
            return replace(one, dim=one.dim + more)

        def padded(ends: Tensor) -> Tensor:
            return ends.reshape((1,) * more + tuple(ends.shape))

        motion = tuple(moved(one) for one in self.motion)
        return Fields(shape, tuple(map(padded, self.low)), tuple(map(padded, self.high)), motion)

    def broadcastable(self, *dims: int) -> Fields:
        """One element along `dims`, where all are the same."""
        places = {dim % len(self.shape) for dim in dims}
        shape = tuple(1 if d in places else size for d, size in enumerate(self.shape))
        return replace(self, shape=shape)

    def narrowed(self) -> Fields:
        """The same, with nothing said twice."""
        keep = {one.dim for one in self.motion if one}
        return replace(
            self,
            low=tuple(_narrowed(ends, keep) for ends in self.low),
            high=tuple(_narrowed(ends, keep) for ends in self.high),
        )

    def over(self, dims: Collection[int]) -> Fields:
        """Every element depends on all along `dims`, which stay in the shape."""
        dims = sorted({dim % len(self.shape) for dim in dims})
        if not dims:
            return self
        return replace(
            self,
            low=tuple(ends.amin(dims, keepdim=True) for ends in self.low),
            high=tuple(ends.amax(dims, keepdim=True) for ends in self.high),
            motion=tuple(None if one and one.dim in dims else one for one in self.motion),
        )

    def rearranged(
        self, move: Callable[[Tensor], Tensor], *, motion: Sequence[Motion | None]
    ) -> Fields:
        """The intervals after a step that only moves elements about.

        Args:
            move: the step, for any tensor of this shape.
            motion: of each axis afterwards.
        """
        keep = {one.dim for one in motion if one}

        def moved(ends: Tensor) -> Tensor:
            return _narrowed(move(ends.expand(self.shape)), keep)

        shape = tuple(move(torch.empty(1, dtype=torch.bool).expand(self.shape)).shape)
        low, high = tuple(map(moved, self.low)), tuple(map(moved, self.high))
        return Fields(shape, low, high, _that_fit(motion))

    def through(self, window: Window) -> Fields:
        """The intervals after every result was made of a window of positions."""
        dim, size = window.dim, self.shape[window.dim]
        positions, exists = window.positions, window.exists
        moving = [one for one in self.motion if one and self._moves_along(dim, one)]
        if not moving and window.inside is not None:
            positions = window.inside
        elif not moving:
            exists = exists & (positions >= 0) & (positions < size)
        positions = torch.where(exists, positions, 0)
        shape = (*self.shape[:dim], len(positions), *self.shape[dim + 1 :])
        ends = [
            self._gathered(axis, dim, positions, exists, turn=moving[0].period if moving else None)
            for axis in range(len(self.low))
        ]
        motion = tuple(self._slower(one, window) if one else None for one in self.motion)
        low, high = zip(*ends, strict=True)
        return Fields(shape, low, high, _that_fit(motion))

    def _moves_along(self, dim: int, motion: Motion | None) -> bool:
        return motion is not None and motion.dim == dim and motion.is_all_of(self.shape)

    def _slower(self, motion: Motion, window: Window) -> Motion | None:
        if motion.dim != window.dim:
            return motion
        if not motion.is_all_of(self.shape):
            return None
        turns = motion.period // gcd(motion.period, window.shift)
        return Motion(
            motion.dim,
            window.period * turns,
            motion.shift * (turns * window.shift // motion.period),
            len(window.positions),
        )

    def _gathered(
        self, axis: int, dim: int, positions: Tensor, exists: Tensor, *, turn: int | None
    ) -> tuple[Tensor, Tensor]:
        motion = self.motion[axis]
        along = [1] * len(self.shape)
        along[dim] = len(positions)
        further = torch.zeros_like(positions)
        if motion and self._moves_along(dim, motion):
            further = positions.div(motion.period, rounding_mode="floor") * motion.shift
            positions = positions % motion.period
        elif turn is not None:  # only which elements there are changes along it, in step
            positions = positions % turn
        found = []
        for ends, nothing in ((self.low[axis], NOWHERE), (self.high[axis], -NOWHERE)):
            if ends.shape[dim] == 1 and not self._moves_along(dim, motion):
                alive = exists.any(1).reshape(along)
                found.append(ends if bool(alive.all()) else torch.where(alive, ends, nothing))
                continue
            k = positions.shape[1]
            taken = ends.index_select(dim, positions.flatten())
            taken = taken.reshape(*ends.shape[:dim], -1, k, *ends.shape[dim + 1 :])
            lay = (*along[: dim + 1], k, *along[dim + 1 :])
            taken = torch.where(exists.reshape(lay), taken + further.reshape(lay), nothing)
            found.append(taken.amin(dim + 1) if nothing > 0 else taken.amax(dim + 1))
        return found[0], found[1]


def of_input(shape: Sequence[int], *, axes: Sequence[int], clipped: bool) -> Fields:
    """Every element of the input is itself.

    Args:
        shape: of the input.
        axes: dimensions that are followed.
        clipped: the intervals end at the edge.
    """
    ends = []
    for axis in axes:
        lay = [1] * len(shape)
        lay[axis] = shape[axis]
        ends.append(torch.arange(shape[axis]).reshape(lay))
    motion = tuple(None if clipped else Motion(axis, 1, 1, shape[axis]) for axis in axes)
    return Fields(tuple(shape), tuple(ends), tuple(ends), motion)


def constant(shape: Sequence[int], *, axes: int) -> Fields:
    """No element depends on the input."""
    lay = (1,) * len(shape)
    low = tuple(torch.full(lay, NOWHERE) for _ in range(axes))
    return Fields(tuple(shape), low, tuple(-ends for ends in low), (None,) * axes)


def merged(parts: Sequence[Fields]) -> tuple[Motion | None, ...]:
    """How the union of several moves on: as all of those do that depend on the input."""
    alive = [part for part in parts if not part.is_constant]
    found: list[Motion | None] = []
    for motions in zip(*(part.motion for part in alive), strict=True):
        first = motions[0]
        together = first is not None and all(
            one is not None
            and (one.dim, one.size, one.inner) == (first.dim, first.size, first.inner)
            and one.shift * first.period == first.shift * one.period
            for one in motions
        )
        if not together or first is None:
            found.append(None)
            continue
        period = lcm(*(one.period for one in motions if one))
        found.append(replace(first, period=period, shift=first.shift * period // first.period))
    return _that_fit(found or [None] * len(parts[0].motion))


def renumbered(
    motion: Sequence[Motion | None], dims: Mapping[int, int]
) -> tuple[Motion | None, ...]:
    """The motions where dimensions have got other places; lost where theirs is gone."""
    return tuple(
        replace(one, dim=dims[one.dim]) if one and one.dim in dims else None for one in motion
    )


def _that_fit(motion: Sequence[Motion | None]) -> tuple[Motion | None, ...]:
    """Motions of which a whole period is there."""
    return tuple(one if one and one.period <= one.size else None for one in motion)


def _narrowed(ends: Tensor, keep: Collection[int]) -> Tensor:
    """One element along every dimension along which all are the same."""
    for dim in range(ends.ndim):
        if ends.shape[dim] > 1 and dim not in keep:
            first = ends.narrow(dim, 0, 1)
            if ends.stride(dim) == 0 or bool((ends == first).all()):
                ends = first
    return ends
