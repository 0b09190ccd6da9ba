"""Nearest neighbours among rows of features: exact, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from netwright._errors import BadType, must_be, offenders, unknown

__all__ = ["Metric", "Neighbours", "metric_named", "nearest"]

_PAIRS_AT_ONCE = 4_000_000  # distances in memory at a time: 32 MB
_SPARE = 8  # candidates beyond those asked for, so that rounding and equal distances change nothing


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest rows of each query, nearest first; equally near ones in the order of the rows.

    Attributes:
        index: which rows.
        distance: how far they are.
    """

    index: Int[Tensor, "n count"]
    distance: Float[Tensor, "n count"]


@dataclass(frozen=True)
class Metric:
    """A distance as the Euclidean one of rows that were prepared.

    Attributes:
        prepared: of rows (n, d).
        distance: of squared Euclidean distances between prepared rows.
    """

    prepared: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor], Tensor]


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows, dim=1, eps=torch.finfo(rows.dtype).tiny)


_METRICS: Mapping[str, Metric] = {
    "cosine": Metric(_unit, lambda squared: squared / 2),
    "euclidean": Metric(lambda rows: rows, torch.sqrt),
}


def metric_named(name: str) -> Metric:
    """The metric of that name.

    Raises:
        BadValue: none of that name.
    """
    if name not in _METRICS:
        raise unknown("metric", name, _METRICS)
    return _METRICS[name]


def nearest(
    features: Float[Tensor, "m d"],
    queries: Float[Tensor, "n d"],
    *,
    count: int = 5,
    metric: str = "cosine",
) -> Neighbours:
    """The rows of `features` that are nearest to each query, exactly.

    Computed in double precision, by blocks of at most 4 million distances whatever m and n are;
    distances are those of the differences, so that a row is at distance 0 from itself.

    Args:
        features: rows to choose from, e.g. of `explain.layer_features`.
        queries: rows that neighbours are sought for.
        count: neighbours of each, at most m.
        metric: "cosine" for 1 − cosine of the angle, whatever the lengths (a row of zeros is 1/2
            from every other); "euclidean" for the length of the difference.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.1]])
        >>> nearest(rows, rows[:1], count=2).index
        tensor([[0, 2]])

    Raises:
        BadType: what is no table of real numbers.
        BadValue: numbers of columns that differ, too large a count, numbers that are not finite.
    """
    chosen = metric_named(metric)
    among, asked = checked(features, queries, count=count)
    among, asked = chosen.prepared(among.double()), chosen.prepared(asked.double())
    middle = among.mean(0)  # distances stay, and less is cancelled
    among, asked = among - middle, asked - middle
    rows = max(1, _PAIRS_AT_ONCE // (len(among) + len(middle)))
    parts = [_of_block(among, part, count) for part in torch.split(asked, rows)]
    return Neighbours(
        index=torch.cat([index for index, _ in parts]),
        distance=chosen.distance(torch.cat([squared for _, squared in parts])),
    )


def checked(features: Tensor, queries: Tensor, *, count: int) -> tuple[Tensor, Tensor]:
    """Both tables, if neighbours can be sought.

    Raises:
        BadType: what is no table of real numbers.
        BadValue: numbers of columns that differ, too large a count, numbers that are not finite.
    """
    for name, rows in (("features", features), ("queries", queries)):
        if not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.ndim != 2:
            shown = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise must_be(name, "a table of real numbers, a row each", shown, error=BadType)
        wrong = (~rows.isfinite().all(1)).nonzero().flatten().tolist()
        if wrong:
            raise must_be(name, "finite", f"NaN or infinity in rows {offenders(wrong)}")
    if queries.shape[1] != features.shape[1]:
        raise must_be("queries", f"of {features.shape[1]} columns, as features", queries.shape[1])
    if not 1 <= count <= len(features):
        raise must_be("count", f"from 1 to {len(features)}, the rows to choose from", count)
    return features.detach(), queries.detach().to(features.device)


def _of_block(among: Tensor, asked: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Index and squared distance of the nearest of each of some queries."""
    lengths, own = among.square().sum(1), asked.square().sum(1, keepdim=True)
    rough = (lengths - 2 * asked @ among.T).add_(own)
    kept = min(count + _SPARE, len(among))
    screened, candidates = rough.topk(kept, dim=1, largest=False)
    candidates = candidates.sort(dim=1).values
    squared = torch.stack(
        [(among[candidates[:, k]] - asked).square().sum(1) for k in range(kept)], dim=1
    )
    order = squared.sort(dim=1, stable=True).indices[:, :count]
    index, found = candidates.gather(1, order), squared.gather(1, order)
    if kept < len(among):
        # What was screened out might be as near, by rounding or because many are equally near.
        rounding = 4 * among.shape[1] * torch.finfo(among.dtype).eps * (own[:, 0] + lengths.max())
        unsure = (found[:, -1] + rounding >= screened[:, -1]).nonzero().flatten().tolist()
        for row in unsure:
            index[row], found[row] = _one_by_one(among, asked[row], count)
    return index, found


def _one_by_one(among: Tensor, asked: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest of one query by its differences from all rows."""
    rows = max(1, _PAIRS_AT_ONCE // among.shape[1])
    squared = torch.cat([(part - asked).square().sum(1) for part in torch.split(among, rows)])
    found, index = squared.sort(stable=True)
    return index[:count], found[:count]
