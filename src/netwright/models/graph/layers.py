"""Operations gathered into layers: the calls of innermost modules, and functions between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from netwright.models.graph.call import Call
from netwright.models.graph.costs import COSTS_NOTHING, cost_of
from netwright.models.graph.operations import Graph, Operation, Ref
from netwright.models.graph.receptive_field import FieldsOfGraph, ReceptiveField

__all__ = ["Layer", "collapse", "layers_of"]

_SHOWN = {"cat", "stack", "pixel_shuffle", "roll", "embedding", "constant_pad_nd"}  # cost nothing


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One call of an innermost module, or of a function between modules.

    Attributes:
        name: path of the module; of a function, the path of the module it is called in.
        operation: class of the module, or torch's name of the function.
        call: which call of that module it is.
        detail: kernel, stride, dilation and groups where there are any.
        output_shape: of what it gives on.
        parameters: elements of the parameters that it is the first to read.
        multiply_adds: multiplications, each with its addition.
        flops: all arithmetic, see `costs`.
        activation_bytes: of the results it made anew; none for what is written in place.
        receptive_field: of its output along each axis; None where that is not known, or nothing.
        reads: places of the layers whose output it takes; −1 for the input.
        unknown: the operation because of which the receptive field isn't known.
        uncounted: operations whose FLOPs are not counted.
        calls: modules around it with the number of their call, outermost first.
    """

    name: str
    operation: str
    call: int
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    flops: int
    activation_bytes: int
    receptive_field: tuple[ReceptiveField, ...] | None
    reads: tuple[int, ...]
    unknown: str = ""
    uncounted: tuple[str, ...] = ()
    calls: tuple[tuple[str, int], ...] = ()


def layers_of(graph: Graph, fields: FieldsOfGraph) -> tuple[Layer, ...]:
    """The layers of a graph, in the order in which they ran."""
    groups = [list(group) for _, group in groupby(graph.operations, _belonging(graph))]
    groups = [group for group in groups if any(_is_shown(one, graph) for one in group)]
    place = {one.number: n for n, group in enumerate(groups) for one in group}
    last_read = {n: one.number for one in graph.operations for n in one.inputs}
    last_read |= dict.fromkeys(graph.outputs, len(graph.operations))
    seen: set[str] = set()
    layers = []
    for group in groups:
        out = _output(group, graph, last_read)
        layers.append(_layer(group, graph, fields, out=out, place=place, seen=seen))
    return tuple(layers)


def collapse(
    layers: Sequence[Layer], *, classes: Mapping[str, str], depth: int
) -> tuple[Layer, ...]:
    """Modules for the layers in them.

    Args:
        layers: of a model.
        classes: path of each module → name of its class.
        depth: names in the path of such a module at most.
    """
    keys = [_module_at(layer, depth) or n for n, layer in enumerate(layers)]
    runs = [[n for n, _ in run] for _, run in groupby(enumerate(keys), lambda pair: pair[1])]
    place = {n: new for new, run in enumerate(runs) for n in run} | {-1: -1}
    return tuple(
        _gathered([layers[n] for n in run], keys[run[0]], classes, place=place, own=own)
        for own, run in enumerate(runs)
    )


def _belonging(graph: Graph) -> Any:
    def key(operation: Operation) -> object:
        if operation.module in graph.leaves and operation.module:
            return operation.calls
        return operation.number

    return key


def _is_shown(operation: Operation, graph: Graph) -> bool:
    """Whether a function is more than plumbing; innermost modules always are."""
    if operation.module in graph.leaves and operation.module:
        return True
    if operation.name in _SHOWN:
        return True
    name = operation.name.removesuffix("_")
    made_of_constants = not any(
        graph.values[n].origin is not None or n in graph.inputs for n in operation.inputs
    )
    return name not in COSTS_NOTHING and not made_of_constants


def _layer(
    group: Sequence[Operation],
    graph: Graph,
    fields: FieldsOfGraph,
    *,
    out: int,
    place: dict[int, int],
    seen: set[str],
) -> Layer:
    first = group[0]
    is_module = first.module in graph.leaves and bool(first.module)
    costs = [cost_of(one, graph) for one in group]
    sources, names = _sources(group, graph, place)
    fresh = names - seen
    seen |= names
    own = place[first.number]
    return Layer(
        name=first.module,
        operation=graph.modules[first.module] if is_module else _readable(first.name),
        call=first.calls[-1][1] if first.calls else 1,
        detail=next(filter(None, (_detail(one, graph) for one in group)), ""),
        output_shape=graph.values[out].shape,
        parameters=sum(graph.parameters[name] for name in fresh),
        multiply_adds=sum(cost.multiply_adds for cost in costs),
        flops=sum(cost.flops for cost in costs),
        activation_bytes=sum(_new_bytes(one, graph) for one in group),
        receptive_field=fields.of(out),
        reads=tuple(sorted(sources - {own})),
        unknown=fields.unknown.get(out, ""),
        uncounted=tuple(
            one.name for one, cost in zip(group, costs, strict=True) if not cost.is_counted
        ),
        calls=first.calls,
    )


def _readable(name: str) -> str:
    """Torch's name of a function without what only tells how it is carried out."""
    plain = name.strip("_").removesuffix("_with_indices").removeprefix("native_")
    return "attention" if plain.startswith("scaled_dot_product") else plain


def _output(group: Sequence[Operation], graph: Graph, last_read: Mapping[int, int]) -> int:
    """The tensor that goes on from a layer: the last that others read, or that is the model's."""
    own = {one.number for one in group}
    made = [n for one in group for n in one.outputs]
    end = group[-1].number
    last = [n for one in group for n in one.outputs[:1] if graph.values[n].origin in own]
    return next((n for n in reversed(made) if last_read.get(n, -1) > end), (last or made)[-1])


def _new_bytes(operation: Operation, graph: Graph) -> int:
    if operation.name in {"empty", "new_empty", "empty_like"}:
        return 0
    made = operation.outputs[:1]  # beside it are statistics and the switches of pooling
    return sum(graph.values[n].bytes for n in made if graph.values[n].owns_memory)


def _sources(
    group: Sequence[Operation], graph: Graph, place: dict[int, int]
) -> tuple[set[int], set[str]]:
    """The layers before it and the parameters it reads, through whatever plumbing lies between."""
    own = {one.number for one in group}
    found: set[int] = set()
    names: set[str] = set()
    waiting = [n for one in group for n in one.inputs]
    met: set[int] = set()
    while waiting:
        number = waiting.pop()
        origin = graph.values[number].origin
        if number in met or origin in own:
            continue
        met.add(number)
        if number in graph.inputs:
            found.add(-1)
        elif origin is not None and origin in place:
            found.add(place[origin])
        elif origin is not None:
            waiting += graph.operations[origin].inputs
        elif graph.values[number].name in graph.parameters:
            names.add(graph.values[number].name)
    return found, names


def _detail(operation: Operation, graph: Graph) -> str:
    if operation.target is None:
        return ""
    given = Call(operation, graph.values, {}).arguments
    kernel = given.get("kernel_size")
    if operation.name == "convolution" and isinstance(given["weight"], Ref):
        kernel = graph.values[given["weight"].value].shape[2:]
    if not isinstance(kernel, Sequence):
        return ""
    parts = ["×".join(map(str, kernel))]
    for name in ("stride", "dilation"):
        steps = list(given.get(name) or ([] if name == "dilation" else kernel))
        if any(step != 1 for step in steps):
            shown = steps[:1] if len(set(steps)) == 1 else steps
            parts.append(f"{name} {'×'.join(map(str, shown))}")
    if given.get("groups", 1) != 1:
        parts.append(f"groups {given['groups']}")
    return ", ".join(parts)


def _module_at(layer: Layer, depth: int) -> tuple[str, int] | None:
    """The innermost module around a layer whose path is no longer than that."""
    within = [one for one in layer.calls if one[0] and one[0].count(".") < depth]
    return within[-1] if within else None


def _gathered(
    members: Sequence[Layer],
    key: Any,
    classes: Mapping[str, str],
    *,
    place: Mapping[int, int],
    own: int,
) -> Layer:
    last = members[-1]
    reads = tuple(sorted({place[n] for one in members for n in one.reads} - {own}))
    if len(members) == 1:
        return replace(last, reads=reads)
    name, call = key
    return replace(
        last,
        name=name,
        operation=classes[name],
        call=call,
        detail=f"({len(members)} layers)",
        parameters=sum(one.parameters for one in members),
        multiply_adds=sum(one.multiply_adds for one in members),
        flops=sum(one.flops for one in members),
        activation_bytes=sum(one.activation_bytes for one in members),
        reads=reads,
        uncounted=tuple(name for one in members for name in one.uncounted),
    )
