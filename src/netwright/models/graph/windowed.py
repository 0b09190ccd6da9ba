"""How intervals go through convolutions, pooling, up-sampling and padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from netwright.models.graph import windows
from netwright.models.graph.call import Call, Rule
from netwright.models.graph.fields import Fields, Window

__all__ = [
    "adaptive",
    "convolution",
    "edge_padded",
    "interpolated",
    "nearest",
    "padded",
    "pooled",
    "reflected",
]


def convolution(call: Call) -> list[Fields]:
    """Convolutions and transposed ones, over the channels of their group."""
    given = call.arguments
    fields = _over_groups(call.first, groups=given["groups"], channels=call.shape[1])
    kernel = call.values[given["weight"].value].shape[2:]
    make = windows.transposed if given["transposed"] else windows.strided
    for place, size in enumerate(kernel):
        window = make(
            2 + place,
            call.shape[2 + place],
            kernel=size,
            stride=_at(given["stride"], place),
            padding=_at(given["padding"], place),
            dilation=_at(given["dilation"], place),
        )
        fields = fields.through(window)
    return [fields]


def _over_groups(fields: Fields, *, groups: int, channels: int) -> Fields:
    shape = (fields.shape[0], channels, *fields.shape[2:])
    if groups == 1:
        return replace(fields.over([1]), shape=shape)

    def grouped(ends: Tensor, least: bool) -> Tensor:
        if ends.shape[1] == 1:
            return ends
        parts = ends.reshape(ends.shape[0], groups, -1, *ends.shape[2:])
        parts = parts.amin(2) if least else parts.amax(2)
        return parts.repeat_interleave(channels // groups, dim=1)

    return Fields(
        shape,
        tuple(grouped(ends, True) for ends in fields.low),
        tuple(grouped(ends, False) for ends in fields.high),
        fields.motion,
    )


def pooled(call: Call) -> list[Fields]:
    """Windows of pooling; no channel meets another."""
    given = call.arguments
    fields = call.first
    spatial = len(given["kernel_size"])
    first = len(call.shape) - spatial
    for place in range(spatial):
        kernel = _at(given["kernel_size"], place)
        window = windows.strided(
            first + place,
            call.shape[first + place],
            kernel=kernel,
            stride=_at(given["stride"] or given["kernel_size"], place),
            padding=_at(given.get("padding", 0), place),
            dilation=_at(given.get("dilation", 1), place),
        )
        fields = fields.through(window)
    return [fields] * len(call.operation.outputs)


def _resized(make: Callable[[int, int, int, Fraction], Window]) -> Rule:
    """Of the operations whose last dimensions get another size."""

    def rule(call: Call) -> list[Fields]:
        fields = call.first
        for dim in range(2, len(call.shape)):
            size, results = fields.shape[dim], call.shape[dim]
            fields = fields.through(make(dim, results, size, _rate(call, dim)))
        return [fields] * len(call.operation.outputs)

    return rule


def _rate(call: Call, dim: int) -> Fraction:
    """Positions of the input for one of the result."""
    size, results = call.first.shape[dim], call.shape[dim]
    if call.arguments.get("align_corners"):
        return Fraction(size - 1, results - 1) if results > 1 else Fraction(0)
    names = [n for n in call.arguments if n.startswith("scale")]  # scales_h, scales_w; scales
    given = call.arguments[names[dim - 2]] if len(names) == len(call.shape) - 2 else None
    if isinstance(call.arguments.get("scale_factors"), (list, tuple)):
        given = call.arguments["scale_factors"][dim - 2]
    return Fraction(1 / given).limit_denominator(1000) if given else Fraction(size, results)


def adaptive(call: Call) -> list[Fields]:
    """Pooling to a given size."""
    fields = call.first
    spatial = len(call.arguments["output_size"])
    for dim in range(len(call.shape) - spatial, len(call.shape)):
        fields = fields.through(windows.adaptive(dim, call.shape[dim], size=fields.shape[dim]))
    return [fields] * len(call.operation.outputs)


def interpolated(make: Callable[..., Window]) -> Rule:
    """Up-sampling by weighing neighbours."""

    def rule(call: Call) -> list[Fields]:
        corners = bool(call.arguments["align_corners"])

        def one(dim: int, results: int, size: int, rate: Fraction) -> Window:
            return make(dim, results, size=size, rate=rate, corners=corners)

        return list(_resized(one)(call) or ())

    return rule


def nearest(*, exact: bool) -> Rule:
    """Up-sampling by the nearest."""
    return _resized(
        lambda dim, results, size, rate: windows.nearest(
            dim, results, size=size, rate=rate, exact=exact
        )
    )


def padded(call: Call) -> list[Fields]:
    """With zeros; negative padding cuts off."""
    fields = call.first
    pairs = call.arguments["pad"]
    for place in range(len(pairs) // 2):
        dim = len(call.shape) - 1 - place
        before = pairs[2 * place]
        fields = fields.through(windows.padded(dim, call.shape[dim], before=before))
    return [fields]


def edge_padded(stand_in: Callable[[Tensor, int], Tensor]) -> Rule:
    """With what is near the edge."""

    def rule(call: Call) -> list[Fields]:
        fields = call.first
        pairs = call.arguments["padding"]
        for place in range(len(pairs) // 2):
            dim = len(call.shape) - 1 - place
            before, size = pairs[2 * place], fields.shape[dim]
            inside = stand_in(torch.arange(call.shape[dim]) - before, size)
            window = windows.padded(dim, call.shape[dim], before=before, inside=inside)
            fields = fields.through(window)
        return [fields]

    return rule


def reflected(positions: Tensor, size: int) -> Tensor:
    """Where positions beyond the edge are mirrored to."""
    if size == 1:
        return torch.zeros_like(positions)
    folded = positions % (2 * size - 2)
    return torch.minimum(folded, 2 * size - 2 - folded)


def _at(given: Any, place: int) -> int:
    if isinstance(given, int):
        return given
    return int(given[place] if len(given) > 1 else given[0])
