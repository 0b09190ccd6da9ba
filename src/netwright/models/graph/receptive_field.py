"""The receptive field of everything a model computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.models.graph.call import Call
from netwright.models.graph.fields import Fields, Motion, constant, of_input
from netwright.models.graph.operations import Graph
from netwright.models.graph.rules import rule_of

__all__ = ["FieldsOfGraph", "ReceptiveField", "fields_of", "followed_axes"]


@dataclass(frozen=True, kw_only=True)
class ReceptiveField:
    """What one element of a tensor sees along one axis of the input.

    Element p sees nothing outside [start + stride·p, start + stride·p + size − 1]. Without
    up-sampling it sees exactly that. With it, neighbours see parts of different sizes, the interval
    is the union over positions, its ends may be fractions, and `largest` is the most that any one
    sees. Channels whose fields differ are taken together.

    Attributes:
        size: of the interval, in positions of the input.
        stride: how far it moves with each element; None where it doesn't move evenly.
        start: its first position for element 0; negative where it begins before the edge.
        largest: positions that the element with the largest field sees.
        is_whole: every element sees the whole input.
        ends: first and last position that elements 0, 1, … see, until that repeats.
    """

    size: Fraction
    stride: Fraction | None
    start: Fraction
    largest: int
    is_whole: bool
    ends: tuple[tuple[int, int], ...] = ()

    def at(self, position: int) -> tuple[int, int] | None:
        """First and last position that one element sees, as if the input had no edge.

        None where it sees nothing, or nothing can be said of elements beyond the edge.
        """
        if self.stride is None:
            return None
        turns, place = divmod(position, len(self.ends))
        shift = int(self.stride * len(self.ends)) * turns
        first, last = self.ends[place]
        return None if first > last else (first + shift, last + shift)


@dataclass(frozen=True)
class FieldsOfGraph:
    """Intervals of every tensor of a graph.

    Attributes:
        axes: dimensions of the input that are followed.
        sizes: of the input along them.
        clipped: number of a tensor → its intervals, ending at the edge; exact.
        free: the same without an edge.
        unknown: number of a tensor → the operation because of which its intervals are not known.
    """

    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    clipped: dict[int, Fields]
    free: dict[int, Fields]
    unknown: dict[int, str]

    def of(self, value: int) -> tuple[ReceptiveField, ...] | None:
        """The receptive field of a tensor along each axis.

        None where it depends on nothing or an unknown operation is in the way.
        """
        if value in self.unknown or self.clipped[value].is_constant:
            return None
        return tuple(self._of_axis(value, axis) for axis in range(len(self.axes)))

    def footprint(
        self, value: int, *, element: Sequence[int]
    ) -> tuple[tuple[int, int], ...] | None:
        """First and last position along each axis that one element of a tensor sees.

        Args:
            value: number of the tensor.
            element: its index, all dimensions of it.
        """
        if value in self.unknown:
            return None
        fields = self.clipped[value]
        ends = [
            (
                int(low.expand(fields.shape)[tuple(element)]),
                int(high.expand(fields.shape)[tuple(element)]),
            )
            for low, high in zip(fields.low, fields.high, strict=True)
        ]
        return None if any(low > high for low, high in ends) else tuple(ends)

    def _of_axis(self, value: int, axis: int) -> ReceptiveField:
        clipped, free = self.clipped[value], self.free[value]
        low, high = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
            clipped.low[axis], clipped.high[axis]
        )
        is_whole = bool((low == 0).all() and (high == self.sizes[axis] - 1).all())
        motion = free.motion[axis]
        if motion is None:
            seen = low <= high
            largest = int((high - low)[seen].max()) + 1
            return ReceptiveField(
                size=Fraction(largest),
                stride=None,
                start=Fraction(int(low[seen].min())),
                largest=largest,
                is_whole=is_whole,
            )
        firsts = _along(free.low[axis], motion, least=True)[: motion.period]
        lasts = _along(free.high[axis], motion, least=False)[: motion.period]
        pairs = tuple(zip(firsts, lasts, strict=True))
        stride = Fraction(motion.shift, motion.period)
        seen = [(p, first, last) for p, (first, last) in enumerate(pairs) if first <= last]
        start = min(first - stride * p for p, first, _ in seen)
        return ReceptiveField(
            size=max(last - stride * p for p, _, last in seen) - start + 1,
            stride=stride,
            start=start,
            largest=max(last - first for _, first, last in seen) + 1,
            is_whole=False,
            ends=pairs,
        )


def fields_of(graph: Graph, *, axes: Sequence[int] | None = None) -> FieldsOfGraph:
    """Follow every position of the (first) input through a graph.

    Args:
        graph: of `record`.
        axes: dimensions of the input; None takes those after batch and channel, or the last one
            where there are only two.

    Raises:
        BadValue: an axis that the input doesn't have.
    """
    shape = graph.values[graph.inputs[0]].shape
    axes = followed_axes(shape) if axes is None else tuple(axes)
    if any(not 0 <= axis < len(shape) for axis in axes):
        raise must_be("axes", f"dimensions of an input of shape {shape}", axes)
    result = FieldsOfGraph(axes, tuple(shape[axis] for axis in axes), {}, {}, {})
    for value in graph.values:
        if value.origin is None:
            for known, clipped in ((result.clipped, True), (result.free, False)):
                known[value.number] = (
                    of_input(value.shape, axes=axes, clipped=clipped)
                    if value.number == graph.inputs[0]
                    else constant(value.shape, axes=len(axes))
                )
    for operation in graph.operations:
        _follow(graph, operation.number, result)
    return result


def followed_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """The dimensions after batch and channel; the last where there are only two."""
    return tuple(range(2, len(shape))) or (len(shape) - 1,)


def _follow(graph: Graph, number: int, result: FieldsOfGraph) -> None:
    operation = graph.operations[number]
    for known in (result.clipped, result.free):
        made = _carried(Call(operation, graph.values, known), result, axes=len(result.axes))
        if isinstance(made, str):
            result.unknown.update(dict.fromkeys(operation.outputs, made))
            return
        for out, fields in zip(operation.outputs, made, strict=False):
            known[out] = fields
    for out in operation.outputs[len(made) :]:
        result.unknown[out] = operation.name


def _carried(call: Call, result: FieldsOfGraph, *, axes: int) -> Sequence[Fields] | str:
    """The fields of what an operation made, or what is not known."""
    operation = call.operation
    before = [result.unknown[one] for one in operation.inputs if one in result.unknown]
    if before:
        return before[0]
    if all(one.is_constant for one in call.read):
        return [constant(call.values[out].shape, axes=axes) for out in operation.outputs]
    rule = rule_of(operation.name)
    made = None if rule is None else rule(call)
    return operation.name if made is None else made


def _along(ends: Tensor, motion: Motion, *, least: bool) -> list[int]:
    """The ends of each position along a dimension, of all elements there together."""
    before, after = ends.shape[: motion.dim], ends.shape[motion.dim + 1 :]
    ends = ends.reshape(*before, -1, motion.size, motion.inner, *after)
    others = [d for d in range(ends.ndim) if d != motion.dim + 1]
    return [int(one) for one in (ends.amin(others) if least else ends.amax(others)).tolist()]
