"""How intervals go through steps that only move elements about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from netwright.models.graph import windows
from netwright.models.graph.call import Call, Rule
from netwright.models.graph.fields import Fields, Motion, merged, renumbered

__all__ = [
    "broadcast",
    "cut",
    "dropped",
    "inserted",
    "joined",
    "looked_up",
    "moved",
    "permuted",
    "restrided",
    "same_places",
    "shuffled",
    "sliced",
    "stacked",
    "swapped",
    "viewed",
    "written",
]


def joined(call: Call) -> list[Fields] | None:
    """Concatenation: every channel keeps the field of its branch."""
    parts = [one for one in call.read if one.shape != (0,)]
    listed = [call.known[ref.value] for ref in call.arguments["tensors"]]
    listed = [one for one in listed if one.shape != (0,)]
    dim = call.arguments["dim"] % len(call.shape)

    def joined(ends: Sequence[Tensor]) -> Tensor:
        widest = [max(one.shape[d] for one in ends) for d in range(len(call.shape))]
        wide = [
            one.expand(*widest[:dim], part.shape[dim], *widest[dim + 1 :])
            for one, part in zip(ends, listed, strict=True)
        ]
        return torch.cat(wide, dim)

    motion = merged(parts)
    kept = tuple(None if one and one.dim == dim else one for one in motion)
    whole = Fields(
        (*call.shape[:dim], call.shape[dim], *call.shape[dim + 1 :]),
        tuple(joined(ends) for ends in zip(*(one.low for one in listed), strict=True)),
        tuple(joined(ends) for ends in zip(*(one.high for one in listed), strict=True)),
        kept,
    )
    return [whole.narrowed()]


def stacked(call: Call) -> list[Fields]:
    """Tensors side by side along a dimension that they didn't have."""
    dim = call.arguments["dim"] % len(call.shape)
    tensors = [call.known[one.value] for one in call.arguments["tensors"]]

    def laid(ends: Sequence[Tensor]) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*ends), dim)  # type: ignore[no-untyped-call]

    motion = renumbered(
        merged(tensors), {old: old + (old >= dim) for old in range(len(call.shape) - 1)}
    )
    whole = Fields(
        call.shape,
        tuple(laid(ends) for ends in zip(*(one.low for one in tensors), strict=True)),
        tuple(laid(ends) for ends in zip(*(one.high for one in tensors), strict=True)),
        motion,
    )
    return [whole.narrowed()]


def moved(where: Callable[[Call], Mapping[int, int]]) -> Rule:
    """Steps that only move elements about; `where` tells old dimensions their new places."""

    def rule(call: Call) -> list[Fields]:
        motion = renumbered(call.first.motion, where(call))
        return [
            call.first.rearranged(partial(_carried_out, call, number), motion=motion)
            for number in range(len(call.operation.outputs))
        ]

    return rule


def _carried_out(call: Call, number: int, ends: Tensor) -> Tensor:
    operation = call.operation
    name = operation.name.removesuffix("_")
    if name == "expand":
        return ends.expand(call.shape)
    result = operation.target(ends, *operation.arguments[1:], **operation.keywords)
    made: Tensor = result[number] if isinstance(result, (list, tuple)) else result
    return made


def same_places(call: Call) -> dict[int, int]:
    """No dimension gets another place."""
    return {dim: dim for dim in range(len(call.first.shape))}


def permuted(call: Call) -> dict[int, int]:
    """Dimensions in another order."""
    rank = len(call.first.shape)
    return {old % rank: new for new, old in enumerate(call.arguments["dims"])}


def swapped(call: Call) -> dict[int, int]:
    """Two dimensions exchanged."""
    rank = len(call.first.shape)
    places = list(range(rank))
    a, b = call.arguments.get("dim0", 0), call.arguments.get("dim1", -1 if rank > 1 else 0)
    places[a], places[b] = places[b], places[a]
    return dict(enumerate(places))


def dropped(call: Call) -> dict[int, int]:
    """One dimension taken out, or those of one element."""
    old, rank = call.first.shape, len(call.first.shape)
    given = call.arguments.get("dim")
    gone = [d for d in range(rank) if old[d] == 1] if given is None else given
    gone = {d % rank for d in ([gone] if isinstance(gone, int) else gone)}
    if "squeeze" in call.operation.name:
        gone = {d for d in gone if old[d] == 1}
    return {old: new for new, old in enumerate(d for d in range(rank) if d not in gone)}


def inserted(call: Call) -> dict[int, int]:
    """A dimension of one element put in."""
    place = call.arguments["dim"] % len(call.shape)
    return {dim: dim + (dim >= place) for dim in range(len(call.first.shape))}


def cut(call: Call) -> dict[int, int]:
    """All but the dimension that is cut."""
    cut = call.arguments["dim"] % len(call.first.shape)
    return {dim: dim for dim in range(len(call.first.shape)) if dim != cut}


def broadcast(call: Call) -> dict[int, int]:
    """Dimensions before the first, and some made longer."""
    more = len(call.shape) - len(call.first.shape)
    same = [d for d, size in enumerate(call.first.shape) if size == call.shape[d + more]]
    return {dim: dim + more for dim in same}


def viewed(call: Call) -> list[Fields]:
    """The same elements in the same order under another shape."""
    old, new = call.first.shape, call.shape
    motion = [_seen_in(one, old, new) if one else None for one in call.first.motion]
    return [call.first.rearranged(lambda ends: _reshaped(ends, new), motion=motion)]


def _reshaped(ends: Tensor, new: Sequence[int]) -> Tensor:
    """Reshaped without spelling out the last dimensions where all along them is the same."""
    old = tuple(ends.shape)
    tails = {_after(new, dim): dim for dim in range(len(new))}
    for dim in range(len(old)):
        constant_tail = all(ends.stride(d) == 0 or old[d] == 1 for d in range(dim + 1, len(old)))
        if constant_tail and _after(old, dim) in tails:
            head = new[: tails[_after(old, dim)] + 1]
            first = ends
            for _ in range(len(old) - dim - 1):
                first = first[..., 0]
            first = first.reshape(head)
            return first.reshape(*head, *[1] * (len(new) - len(head))).expand(new)
    return ends.reshape(new)


def _seen_in(motion: Motion, old: Sequence[int], new: Sequence[int]) -> Motion | None:
    """The motion where its elements lie within one dimension of the new shape."""
    if old == new:
        return motion
    inner = motion.inner * _after(old, motion.dim)
    for dim, size in enumerate(new):
        after = _after(new, dim)
        holds = size * after % (inner * motion.size) == 0 and inner % after == 0
        if holds and size * after >= inner * motion.size:
            return replace(motion, dim=dim, inner=inner // after)
    return None


def _after(shape: Sequence[int], dim: int) -> int:
    count = 1
    for size in shape[dim + 1 :]:
        count *= size
    return count


def sliced(call: Call) -> list[Fields]:
    """Every so many elements along one dimension."""
    given = call.arguments
    dim = given["dim"] % len(call.shape)
    size = call.first.shape[dim]
    start = min(max((given["start"] or 0) + (size if (given["start"] or 0) < 0 else 0), 0), size)
    moves = any(
        one and one.dim == dim and one.is_all_of(call.first.shape) for one in call.first.motion
    )
    if moves:
        window = windows.sliced(dim, call.shape[dim], start=start, step=given["step"])
        return [call.first.through(window)]
    return list(moved(cut)(call) or ())


def restrided(call: Call) -> list[Fields] | None:
    """Nothing moves where only dimensions of one element get other strides."""
    before = call.values[call.operation.inputs[0]]
    steps = zip(before.shape, before.stride, call.arguments["stride"], strict=False)
    same = before.shape == call.shape and all(n == 1 or one == two for n, one, two in steps)
    return [call.first] if same else None


def shuffled(call: Call) -> list[Fields]:
    """Pixel shuffle: each position becomes r × r."""
    factor = call.arguments["upscale_factor"]
    rank = len(call.shape)
    motion = [
        replace(one, period=one.period * factor, size=one.size * factor)
        if one and one.dim >= rank - 2 and one.is_all_of(call.first.shape)
        else None
        for one in call.first.motion
    ]
    return [call.first.rearranged(partial(_carried_out, call, 0), motion=motion)]


def looked_up(call: Call) -> list[Fields]:
    """Embedding: every index becomes a vector."""
    fields = call.fields("indices")
    if fields is None:
        return []
    return [fields.rearranged(
        lambda ends: ends.unsqueeze(-1).expand(call.shape), motion=fields.motion
    )]  # fmt: skip


def written(call: Call) -> list[Fields]:
    """What a tensor holds after a write through another view of its memory."""
    old, new = (call.values[number] for number in call.operation.inputs)
    target, source = call.read

    def written(ends: Tensor, part: Tensor) -> Tensor:
        span = 1 + sum((n - 1) * step for n, step in zip(old.shape, old.stride, strict=True))
        low = min(old.offset, new.offset)
        last = 1 + sum((n - 1) * step for n, step in zip(new.shape, new.stride, strict=True))
        memory = torch.zeros(max(old.offset + span, new.offset + last) - low, dtype=ends.dtype)
        whole = memory.as_strided(old.shape, old.stride, old.offset - low)
        whole.copy_(ends.expand(old.shape))
        memory.as_strided(new.shape, new.stride, new.offset - low).copy_(part.expand(new.shape))
        return whole.clone()

    low = tuple(map(written, target.low, source.low))
    high = tuple(map(written, target.high, source.high))
    none: tuple[Motion | None, ...] = (None,) * len(low)
    return [Fields(old.shape, low, high, none).narrowed()]
