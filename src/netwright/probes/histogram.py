"""How the numbers of a tensor are spread: counted where the tensor is, told in one copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be

__all__ = ["Bins", "Histogram", "Tally", "histogram", "read_tallies", "tally"]

Bins = int | Sequence[float]
"""So many bins of one width from the least number to the largest, or the edges of the bins."""

_Key = TypeVar("_Key")


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How numbers are spread.

    Attributes:
        edges: of the bins, one more than there are; each holds its left edge, the last both.
        counts: how many numbers lie in each bin.
        below: how many lie before the first edge.
        above: how many lie after the last.
        n: how many numbers there are, finite or not.
        mean: of the finite ones.
        deviation: standard, of the finite ones, dividing by their number.
        smallest: of the finite ones.
        largest: likewise.
        zeros: share of all that is exactly 0.
        non_finite: share of all that is NaN or infinite.
        dead: share of the units all of whose numbers are exactly 0; None where it is not known
            which axis counts units.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int
    n: int
    mean: float
    deviation: float
    smallest: float
    largest: float
    zeros: float
    non_finite: float
    dead: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "edges": list(self.edges), "counts": list(self.counts)}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What was counted, still where the tensor is.

    Attributes:
        counts: below, the bins, above, not finite, exactly 0, dead units.
        moments: mean, deviation, smallest, largest, then the edges.
        n: how many numbers were counted.
        units: how many units; 0 where it is not known which axis counts them.
    """

    counts: Tensor
    moments: Tensor
    n: int
    units: int


def histogram(
    values: Float[Tensor, "..."], *, bins: Bins = 64, unit_axis: int | None = None
) -> Histogram:
    """Exact counts of the numbers of a tensor.

    Args:
        values: any shape; at least one number.
        bins: see `Bins`. Bins of one width that would be empty of width are drawn out to 1.
        unit_axis: that counts units, for the share of those that are all 0.

    Example:
        >>> found = histogram(torch.tensor([0.0, 1.0, 1.0, 4.0]), bins=4)
        >>> found.counts, found.zeros
        ((1, 2, 0, 1), 0.25)

    Raises:
        BadValue: no numbers, fewer than one bin, or edges that do not grow.
    """
    return read_tallies({"": tally(values, bins=bins, unit_axis=unit_axis)})[""]


@torch.no_grad()
def tally(values: Float[Tensor, "..."], *, bins: Bins = 64, unit_axis: int | None = None) -> Tally:
    """Count where the tensor is, without waiting for its device; see `histogram`."""
    if not values.numel():
        raise must_be("values", "at least one number", tuple(values.shape))
    given = values.detach()
    wide = given if given.dtype in {torch.float32, torch.float64} else given.float()
    flat = wide.reshape(-1)
    finite = flat.isfinite()
    smallest = torch.where(finite, flat, torch.inf).amin()
    largest = torch.where(finite, flat, -torch.inf).amax()
    edges = _edges(bins, smallest, largest)
    last = len(edges)
    place = torch.bucketize(flat, edges, right=True)
    place = torch.where(flat == edges[-1], last - 1, place)
    place = torch.where(finite, place, last + 1)
    counts = torch.zeros(last + 2, dtype=torch.long, device=flat.device)
    counts.scatter_add_(0, place, torch.ones_like(place))
    dead, units = _dead(given, unit_axis)
    zeros = flat.numel() - torch.count_nonzero(flat)
    mean, deviation = _moments(flat, finite)
    moments = torch.stack([mean, deviation, smallest.double(), largest.double()])
    return Tally(
        counts=torch.cat([counts, zeros.reshape(1), dead.reshape(1)]),
        moments=torch.cat([moments, edges.double()]),
        n=flat.numel(),
        units=units,
    )


def read_tallies(tallies: Mapping[_Key, Tally]) -> dict[_Key, Histogram]:
    """Bring over what was counted: one copy of counts and one of moments a device."""
    numbers: dict[_Key, tuple[list[int], list[float]]] = {}
    for device in {one.counts.device for one in tallies.values()}:
        own = {key: one for key, one in tallies.items() if one.counts.device == device}
        counts = iter(torch.cat([one.counts for one in own.values()]).tolist())
        moments = iter(torch.cat([one.moments for one in own.values()]).tolist())
        for key, one in own.items():
            numbers[key] = (
                [next(counts) for _ in range(len(one.counts))],
                [next(moments) for _ in range(len(one.moments))],
            )
    return {key: _histogram(one, *numbers[key]) for key, one in tallies.items()}


def _histogram(one: Tally, numbers: list[int], moments: list[float]) -> Histogram:
    below, *counts, above, non_finite, zeros, dead = numbers
    mean, deviation, smallest, largest, *edges = moments
    return Histogram(
        edges=tuple(edges),
        counts=tuple(counts),
        below=below,
        above=above,
        n=one.n,
        mean=mean,
        deviation=deviation,
        smallest=smallest,
        largest=largest,
        zeros=zeros / one.n,
        non_finite=non_finite / one.n,
        dead=dead / one.units if one.units else None,
    )


def _edges(bins: Bins, smallest: Tensor, largest: Tensor) -> Tensor:
    if not isinstance(bins, int):
        edges = torch.tensor(list(bins), dtype=smallest.dtype, device=smallest.device)
        if len(bins) < 2 or sorted(set(bins)) != list(bins):
            raise must_be("bins", "edges that grow, at least two", list(bins))
        return edges
    if bins < 1:
        raise must_be("bins", "at least 1", bins)
    none = ~smallest.isfinite()  # then nothing is finite
    low = torch.where(none, torch.zeros_like(smallest), smallest)
    high = torch.where(none, torch.zeros_like(largest), largest)
    flat = low == high
    low, high = torch.where(flat, low - 0.5, low), torch.where(flat, high + 0.5, high)
    part = torch.arange(bins + 1, dtype=low.dtype, device=low.device) / bins
    # not low + part · (high − low), which overflows; rounding must not turn their order round
    return torch.cummax(low * (1 - part) + high * part, 0).values.clamp(max=high)


def _moments(flat: Tensor, finite: Tensor) -> tuple[Tensor, Tensor]:
    count = finite.sum()
    mean = torch.where(finite, flat, 0).sum(dtype=torch.double) / count
    apart = torch.where(finite, flat - mean.to(flat.dtype), 0)
    # less what rounding the mean has left
    square = apart.square().sum(dtype=torch.double) / count
    rest = apart.sum(dtype=torch.double) / count
    return mean, (square - rest.square()).clamp(min=0).sqrt()


def _dead(values: Tensor, axis: int | None) -> tuple[Tensor, int]:
    if axis is None or not values.ndim:
        return torch.zeros((), dtype=torch.long, device=values.device), 0
    units = values.movedim(axis, 0).reshape(values.shape[axis], -1)
    return (torch.count_nonzero(units, dim=1) == 0).sum(), len(units)
