"""The windows of convolutions, pooling, up-sampling and padding, along one dimension."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import torch
from torch import Tensor

from netwright.models.graph.fields import Window

__all__ = ["adaptive", "cubic", "linear", "nearest", "padded", "sliced", "strided", "transposed"]


def strided(
    dim: int, results: int, *, kernel: int, stride: int, padding: int, dilation: int
) -> Window:
    """Of a convolution or of pooling: s·p − P + D·k."""
    positions = _column(results) * stride - padding + torch.arange(kernel) * dilation
    return Window(
        dim=dim, positions=positions, exists=torch.ones_like(positions, dtype=torch.bool),
        shift=stride,
    )  # fmt: skip


def transposed(
    dim: int, results: int, *, kernel: int, stride: int, padding: int, dilation: int
) -> Window:
    """Of a transposed convolution: every q with s·q − P + D·k = p for a k of the kernel."""
    scaled = _column(results) + padding - torch.arange(kernel) * dilation
    positions = scaled.div(stride, rounding_mode="floor")
    return Window(dim=dim, positions=positions, exists=scaled % stride == 0, period=stride)


def adaptive(dim: int, results: int, *, size: int) -> Window:
    """Of pooling to a given size: from ⌊p·n/m⌋ to ⌈(p+1)·n/m⌉ − 1."""
    rate = Fraction(size, results)
    rows = [
        range(floor(p * rate), max(ceil((p + 1) * rate), floor(p * rate) + 1))
        for p in range(results)
    ]
    return _ragged(dim, rows, rate=rate)


def nearest(dim: int, results: int, *, size: int, rate: Fraction, exact: bool) -> Window:
    """Of up-sampling by the nearest: ⌊p·rate⌋, or ⌊(p + ½)·rate⌋ where it is exact."""
    middle = Fraction(1, 2) if exact else Fraction(0)
    rows = [range(q := floor((p + middle) * rate), q + 1) for p in range(results)]
    return _ragged(dim, rows, rate=rate, size=size)


def linear(dim: int, results: int, *, size: int, rate: Fraction, corners: bool) -> Window:
    """Of linear up-sampling: the one or two neighbours whose weight is not zero."""
    rows = []
    for p in range(results):
        place = _place(p, rate, corners=corners)
        rows.append(range(floor(place), floor(place) + (2 if place % 1 else 1)))
    return _ragged(dim, rows, rate=rate, size=size)


def cubic(dim: int, results: int, *, size: int, rate: Fraction, corners: bool) -> Window:
    """Of cubic up-sampling: four neighbours, or the one that is met exactly."""
    rows = []
    for p in range(results):
        place = _place(p, rate, corners=corners)
        first = floor(place)
        rows.append(range(first - 1, first + 3) if place % 1 else range(first, first + 1))
    return _ragged(dim, rows, rate=rate, size=size)


def padded(dim: int, results: int, *, before: int, inside: Tensor | None = None) -> Window:
    """Of padding: the element itself, and beyond the edge nothing, or what stands in for it."""
    positions = _column(results) - before
    return Window(
        dim=dim, positions=positions, exists=torch.ones_like(positions, dtype=torch.bool),
        inside=None if inside is None else inside.unsqueeze(1),
    )  # fmt: skip


def sliced(dim: int, results: int, *, start: int, step: int) -> Window:
    """Of every so many elements."""
    positions = _column(results) * step + start
    return Window(
        dim=dim, positions=positions, exists=torch.ones_like(positions, dtype=torch.bool),
        shift=step,
    )  # fmt: skip


def _place(p: int, rate: Fraction, *, corners: bool) -> Fraction:
    half = Fraction(1, 2)
    return p * rate if corners else (p + half) * rate - half


def _ragged(dim: int, rows: list[range], *, rate: Fraction, size: int | None = None) -> Window:
    """Windows of different lengths, filled up; with a `size` the edge stands in beyond it."""
    longest = max(len(row) for row in rows)
    first = torch.tensor([[row.start] for row in rows])
    steps = torch.arange(longest)
    exists = steps < torch.tensor([[len(row)] for row in rows])
    positions = first + steps
    return Window(
        dim=dim,
        positions=positions,
        exists=exists,
        inside=None if size is None else positions.clamp(0, size - 1),
        period=rate.denominator,
        shift=rate.numerator,
    )


def _column(results: int) -> Tensor:
    return torch.arange(results).unsqueeze(1)
