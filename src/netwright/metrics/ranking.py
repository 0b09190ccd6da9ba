"""Whether positives are ranked above negatives, whatever the threshold."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn import functional as F

from netwright.metrics.base import ByWeight, Prediction, WeightedMetric, weights_of
from netwright.metrics.probabilities import scores

__all__ = [
    "AveragePrecision",
    "RankMetric",
    "Ranking",
    "RocAuc",
    "average_precision",
    "rank",
    "roc_auc",
]


class RankMetric(WeightedMetric):
    """A metric of the order of all scores: it keeps every score until it is read.

    Over several classes or labels it is the mean of those for which it is defined, each against
    the rest.
    """

    higher_is_better = True
    needs = "examples both with and without the label"

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []

    @abstractmethod
    def of(self, ranking: Ranking, weights: Float[Tensor, "n b"]) -> Float[Tensor, "b"]:
        """The figure of one label."""

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`."""
        return self._mean(scores(prediction), targets)

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Keep the scores, on their device."""
        kept = scores(prediction).detach(), targets, weights_of(targets, weight)
        self._kept.append(kept)

    def compute(self) -> float:
        """See `Metric.compute`."""
        if not self._kept:
            return self.defined(math.nan, seen=False)
        ranked, targets, weights = (torch.cat(parts) for parts in zip(*self._kept, strict=True))
        return self.defined(float(self._mean(ranked, targets)(weights)), seen=True)

    def _mean(self, ranked: Tensor, targets: Tensor) -> ByWeight:
        if ranked.ndim == 1:
            one = rank(ranked, targets)
            return lambda weights: self.of(one, weights)
        wanted = F.one_hot(targets, ranked.shape[1]) if targets.ndim == 1 else targets
        each = [rank(column, label) for column, label in zip(ranked.T, wanted.T, strict=True)]
        return lambda weights: torch.stack([self.of(one, weights) for one in each]).nanmean(dim=0)


@dataclass(frozen=True)
class Ranking:
    """Examples in falling order of their score.

    Attributes:
        order: (n,) place of each.
        positive: (n, 1) 1 for those with the label.
        group: (n,) equal for those of equal score; None where no two are.
        void: 0, or NaN where a score is.
    """

    order: Tensor
    positive: Tensor
    group: Tensor | None
    void: Tensor

    def split(self, weights: Float[Tensor, "n b"]) -> tuple[Tensor, Tensor]:
        """Weight of positives and of negatives at each score, highest first."""
        ordered = weights[self.order]
        positive = ordered * self.positive
        negative = ordered - positive
        if self.group is None:
            return positive, negative
        empty = torch.zeros_like(positive)
        return (
            empty.index_add(0, self.group, positive),
            empty.index_add(0, self.group, negative),
        )


def rank(scores: Float[Tensor, "n"], targets: Num[Tensor, "n"]) -> Ranking:
    """Sort once what is weighted many times."""
    falling, order = scores.sort(descending=True)
    starts = torch.ones_like(falling, dtype=torch.bool)
    starts[1:] = falling[1:] != falling[:-1]
    group = None if bool(starts.all()) else starts.cumsum(dim=0) - 1
    return Ranking(order, targets[order][:, None], group, 0 * scores.sum())


class RocAuc(RankMetric):
    """The area under the ROC curve: how often a positive is ranked above a negative."""

    def of(self, ranking: Ranking, weights: Float[Tensor, "n b"]) -> Float[Tensor, "b"]:
        """See `RankMetric.of`."""
        return _roc_auc(ranking, weights)


class AveragePrecision(RankMetric):
    """The area under the precision-recall curve, as a step function."""

    needs = "examples with the label"

    def of(self, ranking: Ranking, weights: Float[Tensor, "n b"]) -> Float[Tensor, "b"]:
        """See `RankMetric.of`."""
        return _average_precision(ranking, weights)


def roc_auc(
    scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Float[Tensor, "n b"]
) -> Float[Tensor, "b"]:
    """P(score of a positive > score of a negative), ties counting half.

    NaN where a class is missing or a score is NaN.
    """
    return _roc_auc(rank(scores, targets), weights)


def average_precision(
    scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Float[Tensor, "n b"]
) -> Float[Tensor, "b"]:
    """Precision at each score, averaged by the recall gained there; NaN without positives."""
    return _average_precision(rank(scores, targets), weights)


def _roc_auc(ranking: Ranking, weights: Tensor) -> Tensor:
    positives, negatives = ranking.split(weights)
    above = positives.cumsum(dim=0) - positives / 2
    area = (negatives * above).sum(dim=0) / (positives.sum(dim=0) * negatives.sum(dim=0))
    return area + ranking.void


def _average_precision(ranking: Ranking, weights: Tensor) -> Tensor:
    positives, negatives = ranking.split(weights)
    found = positives.cumsum(dim=0)
    called = found + negatives.cumsum(dim=0)
    precision = found / called.where(called > 0, 1)
    return (positives * precision).sum(dim=0) / positives.sum(dim=0) + ranking.void
