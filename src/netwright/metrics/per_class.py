"""Figures of each class or label, and their means over classes (macro) or over all (micro)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright.metrics.base import Prediction, SumMetric

__all__ = [
    "F1",
    "BalancedAccuracy",
    "ClassCounts",
    "MicroF1",
    "Precision",
    "Recall",
    "class_counts",
]


@dataclass(frozen=True)
class ClassCounts:
    """What precision and recall are made of; (k, b) for k classes under b weightings.

    Attributes:
        hits: examples of the class that were called so.
        support: examples of the class.
        predicted: examples that were called so.
    """

    hits: Tensor
    support: Tensor
    predicted: Tensor

    def precision(self) -> Tensor:
        """Of those called so, how many are; 0 where none was called so."""
        return self.hits / self.predicted.where(self.predicted > 0, 1)

    def recall(self) -> Tensor:
        """Of those that are, how many were called so; 0 where there are none."""
        return self.hits / self.support.where(self.support > 0, 1)

    def f1(self) -> Tensor:
        """The harmonic mean of both."""
        both = self.support + self.predicted
        return 2 * self.hits / both.where(both > 0, 1)


def class_counts(
    outputs: Num[Tensor, "n *k"],
    targets: Num[Tensor, "n *k"],
    *,
    num_classes: int,
    weights: Float[Tensor, "n b"],
) -> ClassCounts:
    """Count by class; from class indices (n,) or label sets (n, k)."""
    if outputs.ndim == 2:
        called, are = (labels.to(weights.dtype).T for labels in (outputs, targets))
        return ClassCounts((called * are) @ weights, are @ weights, called @ weights)

    def by(classes: Tensor, counted: Tensor) -> Tensor:
        empty = counted.new_zeros(num_classes, counted.shape[1])
        return empty.index_add_(0, classes, counted)

    hit = weights * (outputs == targets)[:, None]
    return ClassCounts(by(targets, hit), by(targets, weights), by(outputs, weights))


class ClassCountMetric(SumMetric):
    """A figure of the counts by class."""

    higher_is_better = True

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    @abstractmethod
    def of(self, counts: ClassCounts) -> Tensor:
        """(b,) the figure."""

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Hits, support and predictions of every class."""
        counts = class_counts(
            prediction.outputs, targets, num_classes=self.num_classes, weights=weights
        )
        return torch.cat([counts.hits, counts.support, counts.predicted])

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return self.of(ClassCounts(*sums.chunk(3)))


class BalancedAccuracy(ClassCountMetric):
    """The mean recall of the classes that occur."""

    def of(self, counts: ClassCounts) -> Tensor:
        """See `ClassCountMetric.of`."""
        return _mean(counts.recall(), counts.support > 0)


class Precision(ClassCountMetric):
    """The mean precision of the classes that occur or were predicted (macro)."""

    def of(self, counts: ClassCounts) -> Tensor:
        """See `ClassCountMetric.of`."""
        return _mean(counts.precision(), _seen(counts))


class Recall(ClassCountMetric):
    """The mean recall of the classes that occur or were predicted (macro)."""

    def of(self, counts: ClassCounts) -> Tensor:
        """See `ClassCountMetric.of`."""
        return _mean(counts.recall(), _seen(counts))


class F1(ClassCountMetric):
    """The mean F1 of the classes that occur or were predicted (macro)."""

    def of(self, counts: ClassCounts) -> Tensor:
        """See `ClassCountMetric.of`."""
        return _mean(counts.f1(), _seen(counts))


class MicroF1(ClassCountMetric):
    """F1 over all labels of all examples together; common labels weigh most."""

    def of(self, counts: ClassCounts) -> Tensor:
        """See `ClassCountMetric.of`."""
        both = (counts.support + counts.predicted).sum(dim=0)
        return 2 * counts.hits.sum(dim=0) / both


def _seen(counts: ClassCounts) -> Tensor:
    return (counts.support + counts.predicted) > 0


def _mean(figures: Tensor, which: Tensor) -> Tensor:
    return (figures * which).sum(dim=0) / which.sum(dim=0)
