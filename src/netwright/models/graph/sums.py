"""How intervals go through pointwise arithmetic, reductions, matrix products and attention."""

from __future__ import annotations

from dataclasses import replace

from netwright.models.graph.call import Call
from netwright.models.graph.fields import Fields, constant, renumbered
from netwright.models.graph.operations import Ref

__all__ = [
    "along",
    "attention",
    "keeps_the_first",
    "keeps_the_second",
    "linear",
    "nothing",
    "pointwise",
    "product",
    "reduced",
]


def pointwise(call: Call) -> list[Fields]:
    """Every element of the inputs at its place."""
    first, *others = call.read
    return [first.union(*others, shape=call.shape)]


def keeps_the_first(call: Call) -> list[Fields]:
    """What the first input sees, as normalisation by known figures."""
    return [call.first]


def keeps_the_second(call: Call) -> list[Fields]:
    """What is copied, whatever was there."""
    return [call.read[-1].broadcast(call.shape)]


def nothing(call: Call) -> list[Fields]:
    """What is made without looking at a value."""
    axes = len(call.first.low) if call.operation.inputs else 0
    return [constant(call.values[out].shape, axes=axes) for out in call.operation.outputs]


def reduced(call: Call) -> list[Fields]:
    """Sums, means and extremes over dimensions."""
    dims = call.arguments.get("dim")
    rank = len(call.first.shape)
    dims = [dims] if isinstance(dims, int) else list(dims or range(rank))
    dims = sorted({dim % rank for dim in dims}) if rank else []
    whole = call.first.over(dims)
    if len(call.shape) == rank:
        return [replace(whole, shape=call.shape)] * len(call.operation.outputs)
    kept = {old: new for new, old in enumerate(d for d in range(rank) if d not in dims)}
    one = Fields(
        call.shape,
        tuple(ends.amin(dims) if dims else ends for ends in whole.low),
        tuple(ends.amax(dims) if dims else ends for ends in whole.high),
        renumbered(whole.motion, kept),
    )
    return [one] * len(call.operation.outputs)


def along(call: Call) -> list[Fields]:
    """Softmax, sorting: every element depends on all along one dimension."""
    whole = call.first.over([call.arguments["dim"]])
    shapes = [call.values[out].shape for out in call.operation.outputs]
    return [replace(whole, shape=shape) for shape in shapes]


def product(call: Call) -> list[Fields]:
    """Matrices: rows of one, columns of the other."""
    names = [name for name, given in call.arguments.items() if isinstance(given, Ref)]
    tensors = [part for name in names if (part := call.fields(name)) is not None]
    left, right = tensors[-2:]
    parts = [left.over([-1]).broadcastable(-1), right.over([-2]).broadcastable(-2)]
    return [parts[0].union(parts[1], *tensors[:-2], shape=call.shape)]


def linear(call: Call) -> list[Fields]:
    """All features of a place."""
    return [replace(call.first.over([-1]), shape=call.shape)]


def attention(call: Call) -> list[Fields] | None:
    """The query's place, and all places of keys and values."""
    if call.arguments.get("is_causal"):
        return None
    query, key, value = (call.fields(name) for name in ("query", "key", "value"))
    if query is None or key is None or value is None:
        return None
    parts = [one.over([-1, -2]).broadcastable(-1, -2) for one in (key, value)]
    return [query.over([-1]).broadcastable(-1).union(*parts, shape=call.shape)]
