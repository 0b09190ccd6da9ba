"""Figures of each class or label, and their means over classes.

Macro takes the mean over the classes that occur or were predicted, micro all together, weighted
each class as often as it occurs, and the `Class…` forms look at one class alone: with two classes,
that is the binary form.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import Prediction
from netwright.metrics.class_counts import (
    Averaged,
    ClassCounts,
    CountMetric,
    by_support,
    class_counts,
    micro,
    one_class,
    over_occurring,
)

__all__ = [
    "F1",
    "BalancedAccuracy",
    "ClassF1",
    "ClassPrecision",
    "ClassRecall",
    "MicroF1",
    "MicroPrecision",
    "MicroRecall",
    "Precision",
    "Recall",
    "WeightedF1",
    "WeightedPrecision",
    "WeightedRecall",
]


class ClassCountMetric(CountMetric):
    """A figure of the counts by class of examples."""

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Hits, support and predictions of every class."""
        counts = class_counts(
            prediction.outputs, targets, num_classes=self.num_classes, weights=weights
        )
        return torch.cat([counts.hits, counts.support, counts.predicted])


class OneClassMetric(ClassCountMetric):
    """The figure of one class or label.

    Args:
        num_classes: how many there are.
        of_class: place of the one; by default yes, of no and yes.
    """

    def __init__(self, *, num_classes: int, of_class: int = 1) -> None:
        super().__init__(num_classes=num_classes)
        self.of_class = in_range(of_class, num_classes=num_classes)
        self.needs = f"class {of_class} among targets or answers"

    def of(self, counts: ClassCounts) -> Tensor:
        """See `CountMetric.of`."""
        return one_class(self.of_class)(self.averaged.rate, counts)


def in_range(of_class: int, *, num_classes: int) -> int:
    """A place among the classes.

    Raises:
        BadValue: there is no such class.
    """
    if not 0 <= of_class < num_classes:
        raise must_be("of_class", f"the place of a class, 0 to {num_classes - 1}", of_class)
    return of_class


class BalancedAccuracy(ClassCountMetric):
    """The mean recall of the classes that occur."""

    averaged = Averaged(ClassCounts.recall, over_occurring)


class Precision(ClassCountMetric):
    """The mean precision of the classes that occur or were predicted (macro)."""

    averaged = Averaged(ClassCounts.precision)


class MicroPrecision(Precision):
    """Precision over all classes or labels together."""

    averaged = Averaged(ClassCounts.precision, micro)


class WeightedPrecision(Precision):
    """The mean precision of the classes, each weighing as often as it occurs."""

    averaged = Averaged(ClassCounts.precision, by_support)


class ClassPrecision(OneClassMetric):
    """Of those called so, how many are of the class."""

    averaged = Averaged(ClassCounts.precision)


class Recall(ClassCountMetric):
    """The mean recall of the classes that occur or were predicted (macro)."""

    averaged = Averaged(ClassCounts.recall)


class MicroRecall(Recall):
    """Recall over all classes or labels together."""

    averaged = Averaged(ClassCounts.recall, micro)


class WeightedRecall(Recall):
    """The mean recall of the classes, each weighing as often as it occurs."""

    averaged = Averaged(ClassCounts.recall, by_support)


class ClassRecall(OneClassMetric):
    """Of those of the class, how many were called so."""

    averaged = Averaged(ClassCounts.recall)


class F1(ClassCountMetric):
    """The mean F1 of the classes that occur or were predicted (macro)."""

    averaged = Averaged(ClassCounts.f1)


class MicroF1(F1):
    """F1 over all labels of all examples together; common labels weigh most."""

    averaged = Averaged(ClassCounts.f1, micro)


class WeightedF1(F1):
    """The mean F1 of the classes, each weighing as often as it occurs."""

    averaged = Averaged(ClassCounts.f1, by_support)


class ClassF1(OneClassMetric):
    """F1 of one class."""

    averaged = Averaged(ClassCounts.f1)
