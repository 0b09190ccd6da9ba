"""How well a picture is cut into things and stuff: every pixel a class, every thing by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import ByWeight, Prediction, SumMetric, sum_dtype

__all__ = [
    "PanopticCounts",
    "PanopticQuality",
    "RecognitionQuality",
    "SegmentationQuality",
    "panoptic_counts",
]

_OVERLAP = 0.5  # of the union: above it no segment can have two partners


@dataclass(frozen=True)
class PanopticCounts:
    """Matched segments of each class; (k, b) for k classes under b weightings.

    Attributes:
        overlap: IoU of the matched pairs, added up.
        matched: pairs of more than half IoU.
        spurious: answered segments without a partner.
        missed: true segments without a partner.
    """

    overlap: Tensor
    matched: Tensor
    spurious: Tensor
    missed: Tensor

    def segmentation(self) -> Tensor:
        """The mean IoU of the matched pairs; 0 where there are none."""
        return self.overlap / self.matched.where(self.matched > 0, 1)

    def recognition(self) -> Tensor:
        """F1 of finding segments."""
        total = self.matched + (self.spurious + self.missed) / 2
        return self.matched / total.where(total > 0, 1)

    def quality(self) -> Tensor:
        """The product of both."""
        return self.segmentation() * self.recognition()

    def seen(self) -> Tensor:
        """Which classes occur or were answered."""
        return (self.matched + self.spurious + self.missed) > 0


def panoptic_counts(
    outputs: Int[Tensor, "n 2 *s"],
    targets: Int[Tensor, "n 2 *s"],
    *,
    num_classes: int,
    stuff: Sequence[int] = (),
    ignore_index: int | None = None,
) -> Float[Tensor, "n m"]:
    """Overlap, matched, spurious and missed segments of each picture, class by class: m is 4k.

    How many segments there are decides how large the work is, so an accelerator is waited for.

    Args:
        outputs: classes and, as the second plane, the numbers that tell things apart.
        targets: likewise; a negative number is a crowd, which nobody has told apart.
        num_classes: k.
        stuff: classes that have no things: all that a picture has of one is one segment.
        ignore_index: class of the pixels that nobody judged (of targets), or that are left open (of
            answers). An answered segment that lies for more than half in unjudged pixels or in a
            crowd of its class is left out.
    """
    answered, true = (
        _Segments.of(planes, num_classes=num_classes, stuff=stuff, void=ignore_index)
        for planes in (outputs, targets)
    )
    pairs, shared = torch.unique(true.at * len(answered.area) + answered.at, return_counts=True)
    truth, answer = pairs // len(answered.area), pairs % len(answered.area)
    void = true.kind == num_classes
    alike = true.kind[truth] == answered.kind[answer]

    def unjudged(which: Tensor) -> Tensor:
        return torch.zeros_like(answered.area).index_add(0, answer, shared * which[truth])

    union = true.area[truth] + answered.area[answer] - shared - unjudged(void)[answer]
    overlap = shared.to(sum_dtype(shared.device)) / union.clamp(min=1)
    hit = alike & ~void[truth] & ~true.crowd[truth] & (overlap > _OVERLAP)
    in_crowd = torch.zeros_like(answered.area).index_add(
        0, answer, shared * (alike & true.crowd[truth] & ~void[truth])
    )
    found = torch.zeros_like(void).index_fill(0, truth[hit], True)
    right = torch.zeros_like(answered.crowd).index_fill(0, answer[hit], True)
    open_question = 2 * (unjudged(void) + in_crowd) > answered.area
    ones = torch.ones_like(overlap)
    return torch.cat(
        [
            true.added(overlap[hit], at=truth[hit]),
            true.added(ones[hit], at=truth[hit]),
            answered.counted(~right & (answered.kind != num_classes) & ~open_question),
            true.counted(~found & ~void & ~true.crowd),
        ],
        dim=1,
    )


@dataclass(frozen=True, kw_only=True)
class _Segments:
    """The segments of n pictures.

    Attributes:
        at: (pixels,) place of each pixel's segment.
        area: (m,) pixels of each segment.
        kind: (m,) its class; num_classes for what has none.
        picture: (m,) in which it is.
        crowd: (m,) whether it is things that are not told apart.
        shape: pictures and classes.
    """

    at: Tensor
    area: Tensor
    kind: Tensor
    picture: Tensor
    crowd: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(
        cls, planes: Tensor, *, num_classes: int, stuff: Sequence[int], void: int | None
    ) -> _Segments:
        kind, number = planes.flatten(2).long().unbind(1)
        if void is not None:
            kind = kind.where(kind != void, num_classes)
        _refuse_strange(kind, num_classes=num_classes + (void is not None))
        plain = torch.isin(kind, torch.tensor([*stuff, num_classes], device=kind.device))
        number = number.clamp(min=-1).where(~plain, 0) + 1
        span = int(number.max()) + 1 if number.numel() else 1
        picture = torch.arange(len(kind), device=kind.device)[:, None]
        keys = ((picture * (num_classes + 1) + kind) * span + number).flatten()
        distinct, at, area = torch.unique(keys, return_inverse=True, return_counts=True)
        of_class = distinct // span
        return cls(
            at=at,
            area=area,
            kind=of_class % (num_classes + 1),
            picture=of_class // (num_classes + 1),
            crowd=distinct % span == 0,
            shape=(len(kind), num_classes),
        )

    def added(self, values: Tensor, *, at: Tensor) -> Tensor:
        """(n, k) the values at some segments, added up by picture and class."""
        pictures, classes = self.shape
        empty = values.new_zeros(pictures * classes)
        return empty.index_add(0, self.picture[at] * classes + self.kind[at], values).reshape(
            pictures, classes
        )

    def counted(self, which: Tensor) -> Tensor:
        """(n, k) how many of some segments there are."""
        at = which.nonzero()[:, 0]
        return self.added(at.new_ones(len(at)).to(sum_dtype(at.device)), at=at)


def _refuse_strange(kind: Tensor, *, num_classes: int) -> None:
    if kind.numel() and not 0 <= int(kind.min()) <= int(kind.max()) < num_classes:
        wrong = int(kind.min()) if int(kind.min()) < 0 else int(kind.max())
        raise must_be(
            "classes",
            f"from 0 to {num_classes - 1}",
            wrong,
            "Name the class of what nobody judged: ignore_index.",
        )


class PanopticMetric(SumMetric):
    """A figure of matched segments, as the mean over the classes that occur or were answered.

    Answers and targets are (n, 2, h, w): classes, and numbers that tell things apart.

    Args:
        num_classes: how many there are.
        stuff: classes that have no things.
        only: classes that the mean is over (things, stuff, one); by default all.
        ignore_index: class of the pixels that nobody judged.
    """

    higher_is_better = True
    needs = "segments of the classes that are asked for"

    def __init__(
        self,
        *,
        num_classes: int,
        stuff: Sequence[int] = (),
        only: Sequence[int] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        for named in (*stuff, *(only or ())):
            if not 0 <= named < num_classes:
                raise must_be("classes", f"from 0 to {num_classes - 1}", named)
        self.num_classes, self.stuff, self.ignore_index = num_classes, tuple(stuff), ignore_index
        self.only = tuple(range(num_classes)) if only is None else tuple(only)

    @abstractmethod
    def of(self, counts: PanopticCounts) -> Tensor:
        """(k, b) the figure of each class."""

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """See `panoptic_counts`."""
        return self._counts(prediction, targets).T @ weights

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`; a weight is that of a picture."""
        counts = self._counts(prediction, targets).T
        return lambda weights: self.figure(counts @ weights)

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        counts = PanopticCounts(*(part[list(self.only)] for part in sums.chunk(4)))
        seen = counts.seen()
        return (self.of(counts) * seen).sum(dim=0) / seen.sum(dim=0)

    def _counts(self, prediction: Prediction, targets: Tensor) -> Tensor:
        return panoptic_counts(
            prediction.outputs,
            targets,
            num_classes=self.num_classes,
            stuff=self.stuff,
            ignore_index=self.ignore_index,
        )


class PanopticQuality(PanopticMetric):
    """How well segments are found, times how well the found ones fit.

    Paper: Panoptic Segmentation, 2019, https://arxiv.org/abs/1801.00868
    """

    def of(self, counts: PanopticCounts) -> Tensor:
        """See `PanopticMetric.of`."""
        return counts.quality()


class SegmentationQuality(PanopticMetric):
    """How well the found segments fit: the mean IoU of the matched pairs.

    Paper: Panoptic Segmentation, 2019, https://arxiv.org/abs/1801.00868
    """

    def of(self, counts: PanopticCounts) -> Tensor:
        """See `PanopticMetric.of`."""
        return counts.segmentation()


class RecognitionQuality(PanopticMetric):
    """How well segments are found: F1 of the matched pairs.

    Paper: Panoptic Segmentation, 2019, https://arxiv.org/abs/1801.00868
    """

    def of(self, counts: PanopticCounts) -> Tensor:
        """See `PanopticMetric.of`."""
        return counts.recognition()
