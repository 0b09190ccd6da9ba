"""What precision, recall, IoU and Dice are made of, and the ways to average them over classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import SumMetric

__all__ = [
    "Average",
    "Averaged",
    "ClassCounts",
    "CountMetric",
    "Rate",
    "by_support",
    "class_counts",
    "macro",
    "micro",
    "one_class",
    "over_occurring",
]


@dataclass(frozen=True)
class ClassCounts:
    """How often classes are called and are right; (k, b) for k classes under b weightings.

    Attributes:
        hits: examples (or pixels) of the class that were called so.
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
        """2|A∩B| / (|A| + |B|): of sets of pixels, Dice; else the harmonic mean of both rates."""
        both = self.support + self.predicted
        return 2 * self.hits / both.where(both > 0, 1)

    def iou(self) -> Tensor:
        """|A∩B| / |A∪B|."""
        union = self.support + self.predicted - self.hits
        return self.hits / union.where(union > 0, 1)

    def seen(self) -> Tensor:
        """Which classes occur or were called."""
        return (self.support + self.predicted) > 0


Rate: TypeAlias = Callable[[ClassCounts], Tensor]
"""A figure of each class, (k, b)."""

Average: TypeAlias = Callable[[Rate, ClassCounts], Tensor]
"""A figure over all classes, (b,); NaN where it is not defined."""


def macro(rate: Rate, counts: ClassCounts) -> Tensor:
    """The mean over the classes that occur or were called; one that does neither is left out."""
    return _mean(rate(counts), counts.seen().to(counts.support.dtype))


def micro(rate: Rate, counts: ClassCounts) -> Tensor:
    """The figure of all classes together; common ones weigh most."""
    pooled = ClassCounts(
        *(one.sum(dim=0, keepdim=True) for one in (counts.hits, counts.support, counts.predicted))
    )
    return macro(rate, pooled)


def by_support(rate: Rate, counts: ClassCounts) -> Tensor:
    """The mean over classes, each weighing as often as it occurs."""
    return _mean(rate(counts), counts.support)


def over_occurring(rate: Rate, counts: ClassCounts) -> Tensor:
    """The mean over the classes that occur, whatever else was called."""
    return _mean(rate(counts), (counts.support > 0).to(counts.support.dtype))


def one_class(place: int) -> Average:
    """The figure of one class; NaN where it neither occurs nor was called."""

    def average(rate: Rate, counts: ClassCounts) -> Tensor:
        return rate(counts)[place].where(counts.seen()[place], torch.nan)

    return average


def _mean(figures: Tensor, weights: Tensor) -> Tensor:
    return (figures * weights).sum(dim=0) / weights.sum(dim=0)


@dataclass(frozen=True)
class Averaged:
    """A figure of each class, and the way to one figure."""

    rate: Rate
    average: Average = macro


class CountMetric(SumMetric):
    """A figure of the counts by class; keeps three numbers a class.

    Attributes:
        averaged: the figure of each class, and the way to one.
    """

    higher_is_better = True
    averaged: ClassVar[Averaged]

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise must_be("num_classes", "at least 1", num_classes)
        self.num_classes = num_classes

    def of(self, counts: ClassCounts) -> Tensor:
        """(b,) the figure."""
        return self.averaged.average(self.averaged.rate, counts)

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return self.of(ClassCounts(*sums.chunk(3)))


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
