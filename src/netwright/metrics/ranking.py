"""Whether positives are ranked above negatives, whatever the threshold."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn import functional as F

from netwright.metrics.base import Prediction, WeightedMetric, weights_of
from netwright.metrics.probabilities import scores

__all__ = ["AveragePrecision", "RocAuc", "average_precision", "roc_auc"]


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
    def of(
        self, scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Tensor
    ) -> Tensor:
        """(b,) the figure of one label under each of (n, b) weightings."""

    def over(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "b"]:
        """See `WeightedMetric.over`."""
        return self._mean(scores(prediction), targets, weights=weights)

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Keep the scores, on their device."""
        kept = scores(prediction).detach(), targets, weights_of(targets, weight)
        self._kept.append(kept)

    def compute(self) -> float:
        """See `Metric.compute`."""
        if not self._kept:
            return self.defined(math.nan, seen=False)
        ranked, targets, weights = (torch.cat(parts) for parts in zip(*self._kept, strict=True))
        return self.defined(float(self._mean(ranked, targets, weights=weights)), seen=True)

    def _mean(self, ranked: Tensor, targets: Tensor, *, weights: Tensor) -> Tensor:
        if ranked.ndim == 1:
            return self.of(ranked, targets, weights=weights)
        wanted = F.one_hot(targets, ranked.shape[1]) if targets.ndim == 1 else targets
        each = [
            self.of(ranked[:, label], wanted[:, label], weights=weights)
            for label in range(ranked.shape[1])
        ]
        return torch.stack(each).nanmean(dim=0)


class RocAuc(RankMetric):
    """The area under the ROC curve: how often a positive is ranked above a negative."""

    def of(
        self, scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Tensor
    ) -> Tensor:
        """See `RankMetric.of`."""
        return roc_auc(scores, targets, weights=weights)


class AveragePrecision(RankMetric):
    """The area under the precision-recall curve, as a step function."""

    needs = "examples with the label"

    def of(
        self, scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Tensor
    ) -> Tensor:
        """See `RankMetric.of`."""
        return average_precision(scores, targets, weights=weights)


def roc_auc(
    scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Float[Tensor, "n b"]
) -> Float[Tensor, "b"]:
    """P(score of a positive > score of a negative), ties counting half.

    NaN where a class is missing or a score is NaN.
    """
    positives, negatives = _by_falling_score(scores, targets, weights=weights)
    above = positives.cumsum(dim=0) - positives / 2
    area = (negatives * above).sum(dim=0) / (positives.sum(dim=0) * negatives.sum(dim=0))
    return area + 0 * scores.sum()


def average_precision(
    scores: Float[Tensor, "n"], targets: Num[Tensor, "n"], *, weights: Float[Tensor, "n b"]
) -> Float[Tensor, "b"]:
    """Precision at each score, averaged by the recall gained there; NaN without positives."""
    positives, negatives = _by_falling_score(scores, targets, weights=weights)
    found = positives.cumsum(dim=0)
    called = found + negatives.cumsum(dim=0)
    precision = found / called.where(called > 0, 1)
    return (positives * precision).sum(dim=0) / found[-1] + 0 * scores.sum()


def _by_falling_score(scores: Tensor, targets: Tensor, *, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weight of positives and of negatives at each distinct score, highest first."""
    falling, order = scores.sort(descending=True)
    ordered = weights[order]
    positive = ordered * targets[order][:, None]
    negative = ordered - positive
    starts = torch.ones_like(falling, dtype=torch.bool)
    starts[1:] = falling[1:] != falling[:-1]
    group = starts.cumsum(dim=0) - 1
    # as many rows as scores: counting the groups would wait for the device
    empty = torch.zeros_like(positive)
    return empty.index_add(0, group, positive), empty.index_add(0, group, negative)
