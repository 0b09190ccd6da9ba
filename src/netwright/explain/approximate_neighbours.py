"""Nearest neighbours among very many rows of features: approximate, and it says how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright._optional import optional
from netwright._statistics import Interval, wilson
from netwright.explain.nearest import Neighbours, checked, metric_named, nearest

__all__ = ["ApproximateNeighbours", "ApproximatelyNearest"]

_CHECKED = 100  # queries that are answered exactly too
_LEAST_EFFORT = 16
_CARE = 80  # candidates looked at when a row is linked; faiss's own 40 costs recall


@dataclass(frozen=True, kw_only=True)
class ApproximatelyNearest(Neighbours):
    """What was found, and how much of the truth it is.

    Attributes:
        recall: share of the true neighbours that were found, on up to 100 of the queries.
        effort: candidates that were kept in sight while searching.
    """

    recall: Interval
    effort: int


class ApproximateNeighbours:
    """Rows of features linked with rows near them, so that a search sees few of them.

    Pays where more is asked than linking costs: `nearest` is exact, needs no preparation, and is
    quick enough below some hundred thousand rows. faiss does the work, on the CPU; with several
    threads the links may differ from run to run. Every answer is measured against the exact one.

    Paper: Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable
        Small World Graphs, 2016, https://arxiv.org/abs/1603.09320

    Args:
        features: rows to choose from, e.g. of `explain.layer_features`.
        metric: "cosine" or "euclidean", as for `nearest`.
        links: of each row; more of them find more and take longer and more memory.

    Raises:
        BadType: what is no table of real numbers.
        BadValue: no such metric, numbers that are not finite, fewer than 2 links.
        MissingExtra: faiss is not installed.
    """

    def __init__(
        self, features: Float[Tensor, "m d"], *, metric: str = "cosine", links: int = 32
    ) -> None:
        if links < 2:
            raise must_be("links", "at least 2", links, "32 suits most.")
        self._features, _ = checked(features, features[:1], count=1)
        self._metric, self._name = metric_named(metric), metric
        faiss = optional("faiss", extra="neighbours")
        self._index = faiss.IndexHNSWFlat(features.shape[1], links)
        self._index.hnsw.efConstruction = max(_CARE, links)
        self._index.add(self._rows(self._features))

    def nearest(
        self, queries: Float[Tensor, "n d"], *, count: int = 5, recall: float = 0.95
    ) -> ApproximatelyNearest:
        """Rows near each query, most of the truly nearest ones among them.

        The effort is doubled until at least `recall` of the true neighbours are found, on up to
        100 of the queries, evenly spread, which are answered exactly too.

        Args:
            queries: rows that neighbours are sought for.
            count: neighbours of each.
            recall: share of the true neighbours that must be found.

        Raises:
            BadValue: a recall that can't be reached, or what `nearest` refuses.
        """
        if not 0 < recall <= 1:
            raise must_be("recall", "above 0, up to 1", recall)
        among, asked = checked(self._features, queries, count=count)
        sample = asked[:: max(1, -(-len(asked) // _CHECKED))]
        truth = nearest(among, sample, count=count, metric=self._name)
        effort = max(_LEAST_EFFORT, count)
        while True:
            found = self._recall(sample, truth, effort)
            if found.value >= recall:
                break
            if effort >= len(among):
                fix = "`nearest` finds all of them; so may more links."
                raise must_be("recall", f"at most {found.value:.3f}, what is reached", recall, fix)
            effort = min(2 * effort, len(among))
        answer = self._searched(asked, count, effort)
        return ApproximatelyNearest(
            index=answer.index, distance=answer.distance, recall=found, effort=effort
        )

    def _recall(self, sample: Tensor, truth: Neighbours, effort: int) -> Interval:
        """A row as near as the last true neighbour counts as one, whichever of equals it is."""
        count = truth.index.shape[1]
        found = self._searched(sample, count, effort)
        farthest = truth.distance[:, -1:] * (1 + 1e-9) + 1e-12  # either is rounded in its way
        hits = (found.distance <= farthest).double().mean(1)
        return wilson(float(hits.sum()), len(hits))  # neighbours of one query are not independent

    def _searched(self, asked: Tensor, count: int, effort: int) -> Neighbours:
        self._index.hnsw.efSearch = effort
        _, places = self._index.search(self._rows(asked), count)
        index = torch.from_numpy(places).to(asked.device)
        lost = (index < 0).any(1)  # the search ended before it saw enough rows
        if bool(lost.any()):
            index[lost] = nearest(self._features, asked[lost], count=count, metric=self._name).index
        among, own = (self._metric.prepared(rows.double()) for rows in (self._features, asked))
        squared = torch.stack(
            [(among[index[:, k]] - own).square().sum(1) for k in range(count)], dim=1
        )
        order = squared.sort(dim=1, stable=True).indices
        return Neighbours(
            index=index.gather(1, order), distance=self._metric.distance(squared.gather(1, order))
        )

    def _rows(self, features: Tensor) -> Any:
        return self._metric.prepared(features.double()).float().cpu().contiguous().numpy()
