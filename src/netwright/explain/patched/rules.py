"""How operations go on with copies that differ in a box: the box they give, and what is in it.

Operations by their lowest name in torch, so that a module, a function and a method are one. What is
not here, or not in this way (a batch norm in training), is done on the whole maps instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.explain.patched.boxes import Sliding, Span, united
from netwright.explain.patched.region import Region
from netwright.explain.patched.tape import Tape

__all__ = ["LATER", "RULES", "Rule"]

Rule = Callable[..., Any]
"""Takes the operation and its arguments, regions in place of tensors; gives regions or tensors, or
NotImplemented."""

LATER = object()
"""In place of what is hardly ever asked for: it is computed on the whole maps if it is."""

aten = torch.ops.aten
NEARLY_WHOLE = 0.8
"""Where a box covers more of the map than this, cutting it out costs more than it saves."""


def _convolution(function: Rule, x: Any, weight: Any, bias: Any, *rest: Any) -> Any:
    stride, padding, dilation, transposed, *_ = rest
    given = isinstance(weight, Tensor) and not isinstance(bias, Region)
    if transposed or not given or weight.ndim != 4:
        return NotImplemented
    axes = _axes(x, weight.shape[2:], stride, padding, dilation)
    boxes = _boxes(x, axes, cost=weight.numel())
    if boxes is None:
        return NotImplemented
    crops = function(_seen(x, axes, boxes), weight, bias, stride, [0, 0], *rest[2:])
    return _region(x.tape, x.tape.run(function, x.base, weight, bias, *rest), crops, boxes)


def _max_pool(function: Rule, x: Region, kernel: Sequence[int], *rest: Any) -> Any:
    stride, padding, dilation, ceil_mode = _with_defaults(rest, ((), (0,), (1,), False))
    axes = _axes(x, kernel, stride or kernel, padding, dilation, overhang=ceil_mode)
    boxes = _boxes(x, axes)
    if boxes is None:
        return NotImplemented
    seen = _seen(x, axes, boxes, fill=-torch.inf)
    crops, _ = function(seen, kernel, stride or kernel, (0,), dilation)
    base, _ = x.tape.run(function, x.base, kernel, *rest)
    return _region(x.tape, base, crops, boxes), LATER


def _average_pool(function: Rule, x: Region, kernel: Sequence[int], *rest: Any) -> Any:
    defaults = ((), (0,), False, True, None)
    stride, padding, ceil_mode, with_padding, divisor = _with_defaults(rest, defaults)
    axes = _axes(x, kernel, stride or kernel, padding, (1,), overhang=ceil_mode)
    boxes = _boxes(x, axes)
    uneven = any(axis.behind > axis.padding for axis in axes)
    uneven |= any(axis.padding for axis in axes) and not with_padding
    if boxes is None or uneven:  # the divisor is another at the ends
        return NotImplemented
    seen = _seen(x, axes, boxes)
    crops = function(seen, kernel, stride or kernel, (0,), False, True, divisor)
    return _region(x.tape, x.tape.run(function, x.base, kernel, *rest), crops, boxes)


def _with_defaults(given: tuple[Any, ...], defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    return given + defaults[len(given) :]


def _batch_norm(function: Rule, x: Any, *rest: Any) -> Any:
    training = rest[4]
    if training or any(isinstance(value, Region) for value in rest):
        return NotImplemented
    base, *none = x.tape.run(function, x.base, *rest)
    crops = function(x.crops, *rest)[0]
    return replace(x, base=base, crops=crops), *none


def _one(function: Rule, x: Any, *rest: Any, **keywords: Any) -> Any:
    """Each number by itself."""
    if not isinstance(x, Region) or any(isinstance(value, Tensor | Region) for value in rest):
        return NotImplemented
    base = x.tape.run(function, x.base, *rest, **keywords)
    return replace(x, base=base, crops=function(x.crops, *rest, **keywords))


def _two(function: Rule, one: Any, other: Any, *rest: Any, **keywords: Any) -> Any:
    """Two numbers at one place: both in boxes, or one the same everywhere."""
    regions = [value for value in (one, other) if isinstance(value, Region)]
    sizes = {region.base.shape[2:] for region in regions}
    others = [v for v in (one, other) if isinstance(v, Tensor) and not _everywhere(v)]
    if others or len(sizes) > 1 or any(isinstance(value, Tensor | Region) for value in rest):
        return NotImplemented
    boxes = _together(regions)
    if boxes is None:
        return NotImplemented
    bases = [value.base if isinstance(value, Region) else value for value in (one, other)]
    pieces = [value.cut(*boxes) if isinstance(value, Region) else value for value in (one, other)]
    base = regions[0].tape.run(function, *bases, *rest, **keywords)
    return _region(regions[0].tape, base, function(*pieces, *rest, **keywords), boxes)


def _concatenate(function: Rule, values: Sequence[Any], dim: int = 0) -> Any:
    if dim % 4 != 1 or not all(isinstance(value, Region) for value in values):
        return NotImplemented
    boxes = _together(values)
    if boxes is None:
        return NotImplemented
    base = values[0].tape.run(function, [value.base for value in values], dim)
    crops = function([value.cut(*boxes) for value in values], dim)
    return _region(values[0].tape, base, crops, boxes)


def _zero_pad(function: Rule, x: Region, pad: Sequence[int], value: float = 0) -> Any:
    if len(pad) > 4 or min(pad) < 0:
        return NotImplemented
    left, _, top, _ = (*pad, 0, 0)[:4]
    return replace(
        x,
        base=x.tape.run(function, x.base, pad, value),
        rows=replace(x.rows, starts=tuple(start + top for start in x.rows.starts)),
        columns=replace(x.columns, starts=tuple(start + left for start in x.columns.starts)),
    )


def _axes(
    x: Region,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    overhang: bool = False,
) -> tuple[Sliding, Sliding]:
    def axis(number: int) -> Sliding:
        return Sliding(
            length=x.base.shape[2 + number],
            kernel=_pair(kernel)[number],
            stride=_pair(stride)[number],
            padding=_pair(padding)[number],
            dilation=_pair(dilation)[number],
            overhang=overhang,
        )

    return axis(0), axis(1)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return values[0], values[-1]


def _boxes(x: Region, axes: tuple[Sliding, Sliding], *, cost: int = 0) -> tuple[Span, Span] | None:
    """The outputs that the boxes reach; None where that is nearly all of them."""
    rows, columns = axes[0].reached(x.rows), axes[1].reached(x.columns)
    whole = axes[0].outputs * axes[1].outputs
    part = rows.size * columns.size
    nearly = part >= NEARLY_WHOLE * whole
    x.tape.work += cost * len(x.crops) * whole
    x.tape.done += cost * len(x.crops) * (whole if nearly else part)
    return None if nearly else (rows, columns)


def _seen(
    x: Region, axes: tuple[Sliding, Sliding], boxes: tuple[Span, Span], *, fill: float = 0.0
) -> Tensor:
    """What outputs see: boxes of the padded copies."""
    down, across = axes
    pad = [across.padding, across.behind, down.padding, down.behind]
    padded = x.tape.run(F.pad, x.base, pad, "constant", fill) if any(pad) else x.base
    rows, columns = down.read(boxes[0]), across.read(boxes[1])
    return x.cut(rows, columns, padded=padded, before=(down.padding, across.padding))


def _together(regions: Sequence[Region]) -> tuple[Span, Span] | None:
    """The boxes that hold those of all; None where that is nearly the whole maps."""
    height, width = regions[0].base.shape[2:]
    if any(region.base.shape[2:] != (height, width) for region in regions):
        return None
    rows = united([region.rows for region in regions], height)
    columns = united([region.columns for region in regions], width)
    nearly = rows.size * columns.size >= NEARLY_WHOLE * height * width
    same = all(region.rows == rows and region.columns == columns for region in regions)
    return None if nearly and not same else (rows, columns)


def _region(tape: Tape, base: Tensor, crops: Tensor, boxes: tuple[Span, Span]) -> Region:
    return Region(tape=tape, base=base, crops=crops, rows=boxes[0], columns=boxes[1])


def _everywhere(value: Tensor) -> bool:
    """Whether a tensor is the same for all copies and all places."""
    shape = (1,) * (4 - value.ndim) + tuple(value.shape)
    return len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1


_ONE = (
    "abs.default", "_to_copy.default", "celu.default", "clamp.default", "clamp_max.default",
    "clamp_min.default", "clone.default", "elu.default", "erf.default", "exp.default",
    "gelu.default", "hardsigmoid.default", "hardswish.default", "hardtanh.default",
    "leaky_relu.default", "log.default", "mish.default",
    "neg.default", "pow.Tensor_Scalar", "reciprocal.default", "relu.default", "rsqrt.default",
    "sigmoid.default", "silu.default", "softplus.default", "sqrt.default", "tanh.default",
    "threshold.default", "rsub.Scalar",
)  # fmt: skip
_TWO = (
    "add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "maximum.default", "minimum.default",
    "add.Scalar", "sub.Scalar", "mul.Scalar", "div.Scalar", "_prelu_kernel.default",
)  # fmt: skip


def _operation(name: str) -> Any:
    family, _, overload = name.partition(".")
    return getattr(getattr(aten, family), overload)


RULES: dict[Any, Rule] = {
    **{_operation(name): _one for name in _ONE},
    **{_operation(name): _two for name in _TWO},
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pool,
    aten.avg_pool2d.default: _average_pool,
    aten.native_batch_norm.default: _batch_norm,
    aten.cudnn_batch_norm.default: _batch_norm,
    aten.cat.default: _concatenate,
    aten.constant_pad_nd.default: _zero_pad,
}
