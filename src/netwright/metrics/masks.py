"""How well pictures are cut into classes, pixel by pixel.

Answers and targets are class indices (n, h, w), or of any further shape. Pixels whose target is
`ignore_index` count nowhere, whatever was answered there. Counts are added up over all pictures
before anything is divided, except where a name says `Image…`; a class that occurs neither in
targets nor in answers is left out of a mean, and its own figure is not defined.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import ByWeight, MeanMetric, Prediction, sum_dtype
from netwright.metrics.class_counts import (
    Averaged,
    ClassCounts,
    CountMetric,
    by_support,
    macro,
    micro,
    one_class,
    over_occurring,
)
from netwright.metrics.per_class import in_range

__all__ = [
    "ClassDice",
    "ClassIoU",
    "Dice",
    "FrequencyWeightedIoU",
    "ImageDice",
    "MeanIoU",
    "MeanPixelAccuracy",
    "PixelAccuracy",
    "mask_counts",
]


def mask_counts(
    outputs: Int[Tensor, "n *s"],
    targets: Int[Tensor, "n *s"],
    *,
    num_classes: int,
    ignore_index: int | None = None,
) -> Float[Tensor, "n m"]:
    """Hits, support and predictions of every class in each picture, side by side: m is 3k.

    Args:
        outputs: classes as answered.
        targets: the true ones.
        num_classes: k.
        ignore_index: target of the pixels that don't count.
    """
    are, called = targets.flatten(1).long(), outputs.flatten(1).long()
    counted = torch.ones_like(are) if ignore_index is None else (are != ignore_index).long()
    are, called = are * counted, called * counted
    _refuse_strange(are, called, num_classes=num_classes)
    empty = are.new_zeros(len(are), num_classes)
    hits = empty.scatter_add(1, are, counted * (are == called))
    support = empty.scatter_add(1, are, counted)
    predicted = empty.scatter_add(1, called, counted)
    return torch.cat([hits, support, predicted], dim=1).to(sum_dtype(are.device))


def _refuse_strange(*classes: Tensor, num_classes: int) -> None:
    """Name a class that is none; on an accelerator the count itself stops instead of waiting."""
    for given in classes:
        if given.device.type != "cpu" or not given.numel():
            continue
        least, most = (int(end) for end in given.aminmax())
        if least < 0 or most >= num_classes:
            wrong = least if least < 0 else most
            raise must_be(
                "masks",
                f"of classes 0 to {num_classes - 1}",
                wrong,
                "Name what doesn't count: ignore_index.",
            )


class MaskMetric(CountMetric):
    """A figure of the counts of pixels by class.

    Args:
        num_classes: how many there are, background included.
        ignore_index: target of the pixels that don't count.
    """

    needs = "pixels of a class that is asked for"

    def __init__(self, *, num_classes: int, ignore_index: int | None = None) -> None:
        super().__init__(num_classes=num_classes)
        self.ignore_index = ignore_index

    def counts(self, prediction: Prediction, targets: Tensor) -> Float[Tensor, "n m"]:
        """See `mask_counts`."""
        return mask_counts(
            prediction.outputs,
            targets,
            num_classes=self.num_classes,
            ignore_index=self.ignore_index,
        )

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Hits, support and predictions of every class."""
        return self.counts(prediction, targets).T @ weights

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`; a weight is that of a picture."""
        counts = self.counts(prediction, targets).T
        return lambda weights: self.figure(counts @ weights)


class OneMaskMetric(MaskMetric):
    """The figure of one class.

    Args:
        num_classes: how many there are, background included.
        of_class: place of the one; by default the first after the background.
        ignore_index: target of the pixels that don't count.
    """

    def __init__(
        self, *, num_classes: int, of_class: int = 1, ignore_index: int | None = None
    ) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index)
        self.of_class = in_range(of_class, num_classes=num_classes)
        self.needs = f"pixels of class {of_class} among targets or answers"

    def of(self, counts: ClassCounts) -> Tensor:
        """See `CountMetric.of`."""
        return one_class(self.of_class)(self.averaged.rate, counts)


class PixelAccuracy(MaskMetric):
    """The share of pixels whose class is right."""

    averaged = Averaged(ClassCounts.recall, micro)


class MeanPixelAccuracy(MaskMetric):
    """The share of pixels that are right, class by class, as the mean of the classes that occur."""

    averaged = Averaged(ClassCounts.recall, over_occurring)


class MeanIoU(MaskMetric):
    """|A∩B| / |A∪B| of each class, as the mean of those that occur or were answered.

    Paper: The Pascal Visual Object Classes Challenge: A Retrospective, 2015,
        https://doi.org/10.1007/s11263-014-0733-5
    """

    averaged = Averaged(ClassCounts.iou)


class FrequencyWeightedIoU(MeanIoU):
    """|A∩B| / |A∪B| of each class, weighing as many pixels as it has.

    Paper: Fully Convolutional Networks for Semantic Segmentation, 2015,
        https://arxiv.org/abs/1411.4038
    """

    averaged = Averaged(ClassCounts.iou, by_support)


class ClassIoU(OneMaskMetric):
    """|A∩B| / |A∪B| of one class."""

    averaged = Averaged(ClassCounts.iou)


class Dice(MaskMetric):
    """2|A∩B| / (|A|+|B|) of each class, as the mean of those that occur or were answered.

    Paper: Measures of the Amount of Ecologic Association Between Species, 1945,
        https://doi.org/10.2307/1932409
    """

    averaged = Averaged(ClassCounts.f1)


class ClassDice(OneMaskMetric):
    """2|A∩B| / (|A|+|B|) of one class."""

    averaged = Averaged(ClassCounts.f1)


class ImageDice(MeanMetric):
    """`Dice` of each picture by itself, as the mean over pictures: small things count as large.

    A picture all of whose pixels are ignored makes the figure undefined: there is nothing to judge.

    Args:
        num_classes: how many there are, background included.
        ignore_index: target of the pixels that don't count.
    """

    higher_is_better = True
    needs = "pictures with pixels that count"

    def __init__(self, *, num_classes: int, ignore_index: int | None = None) -> None:
        super().__init__()
        self._whole = Dice(num_classes=num_classes, ignore_index=ignore_index)

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """The figure of each picture."""
        counts = self._whole.counts(prediction, targets).T
        return macro(ClassCounts.f1, ClassCounts(*counts.chunk(3)))
