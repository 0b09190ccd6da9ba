"""A description as text, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.models.graph.description import Description
    from netwright.models.graph.layers import Layer
    from netwright.models.graph.receptive_field import ReceptiveField

__all__ = ["bytes_of", "field_of", "large", "plain", "shape_of", "table"]

_HEAD = (
    "layer",
    "operation",
    "output",
    "parameters",
    "FLOPs",
    "memory",
    "field",
    "stride",
    "start",
)
_LEFT = {0, 1, 2}
_NAME = 16  # letters of a path that are left of it


def table(description: Description, *, width: int | None = None) -> str:
    """Layer by layer, then what all of it comes to.

    Args:
        description: of a model.
        width: columns there are; paths lose their beginnings to it. None takes what it needs.
    """
    measured = description.effective or {}
    head = (*_HEAD, "effective") if measured else _HEAD
    rows = [_row(layer) for layer in description.layers]
    if measured:
        rows = [
            (*row, _effective(measured.get(layer.name)))
            for row, layer in zip(rows, description.layers, strict=True)
        ]
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    if width is not None:
        others = sum(widths[1:]) + 2 * len(widths[1:])
        widths[0] = min(widths[0], max(width - others, _NAME))
        rows = [(_ended(row[0], widths[0]), *row[1:]) for row in rows]
    lines = [_line(row, widths) for row in [head, *rows]]
    rule = "─" * len(lines[0])
    return "\n".join(
        [
            lines[0].rstrip(),
            rule,
            *(line.rstrip() for line in lines[1:]),
            rule,
            *_totals(description),
        ]
    )


def _ended(name: str, width: int) -> str:
    return name if len(name) <= width else f"…{name[len(name) - width + 1 :]}"


def _totals(description: Description) -> list[str]:
    lines = [
        f"{description.name} on {shape_of(description.input_shape)}: "
        f"{description.parameters:,} parameters, {large(description.multiply_adds)} multiply-adds, "
        f"{large(description.flops)} FLOPs, activations {bytes_of(description.activation_bytes)}",
    ]
    if description.unused:
        lines.append(f"not used: {', '.join(description.unused)}")
    if description.unknown:
        named = ", ".join(description.unknown)
        lines.append(f"receptive fields (?) can't be followed through: {named}")
    if description.uncounted:
        lines.append(f"FLOPs are not counted of: {', '.join(description.uncounted)}")
    return lines


def plain(layer: Layer) -> dict[str, Any]:
    """A layer as JSON has it."""
    fields = layer.receptive_field
    return {
        "name": layer.name,
        "operation": layer.operation,
        "call": layer.call,
        "detail": layer.detail,
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "multiply_adds": layer.multiply_adds,
        "flops": layer.flops,
        "activation_bytes": layer.activation_bytes,
        "receptive_field": None if fields is None else [_axis(one) for one in fields],
        "reads": list(layer.reads),
        "unknown": layer.unknown,
        "uncounted": list(layer.uncounted),
    }


def _axis(one: ReceptiveField) -> dict[str, Any]:
    return {
        "size": float(one.size),
        "stride": None if one.stride is None else float(one.stride),
        "start": float(one.start),
        "largest": one.largest,
        "is_whole": one.is_whole,
    }


def _row(layer: Layer) -> tuple[str, ...]:
    name = layer.name + (f" ({layer.call})" if layer.call > 1 else "")
    operation = layer.operation + (f" {layer.detail}" if layer.detail else "")
    return (
        name,
        operation,
        shape_of(layer.output_shape),
        f"{layer.parameters:,}" if layer.parameters else "",
        large(layer.flops) if layer.flops else "",
        bytes_of(layer.activation_bytes) if layer.activation_bytes else "",
        *field_of(layer),
    )


def field_of(layer: Layer) -> tuple[str, str, str]:
    """Size, stride and start of a layer's receptive field, once where all axes have the same."""
    if layer.receptive_field is None:
        return ("?" if layer.unknown else "", "", "")
    if all(one.is_whole for one in layer.receptive_field):
        return ("all", "", "")
    axes = layer.receptive_field
    strides = [None if one.stride is None else one.stride for one in axes]
    return (
        _together(["all" if one.is_whole else _number(one.size) for one in axes]),
        _together(["–" if stride is None else _number(stride) for stride in strides]),
        _together([_number(one.start) for one in axes]),
    )


def _together(shown: Sequence[str]) -> str:
    return shown[0] if len(set(shown)) == 1 else "×".join(shown)


def _number(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _effective(found: Any) -> str:
    return "" if found is None else "×".join(f"{axis.size:.0f}" for axis in found.axes)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        text.ljust(width) if n in _LEFT else text.rjust(width)
        for n, (text, width) in enumerate(zip(row, widths, strict=True))
    )


def shape_of(shape: Sequence[int]) -> str:
    """1×64×112×112."""
    return "×".join(map(str, shape)) or "scalar"


def large(count: float) -> str:
    """A count with three digits and a letter."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:.0f}"


def bytes_of(count: float) -> str:
    """Bytes with three digits and a unit."""
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"
