"""Average precision of boxes as the Pascal VOC challenge reckons it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import Metric, Prediction

__all__ = ["VocAveragePrecision"]


class VocAveragePrecision(Metric):
    """Average precision of boxes at one IoU, as the mean over the classes that have objects.

    Answers and targets are those of `boxes`; a target may have `difficult` (m,): such objects are
    neither missed nor found. Each answer is compared with the one object it covers best, even if
    another has taken that: then it is wrong (COCO lets it take the next). Keeps three numbers an
    answer, on its device; matching waits for nothing.

    Differs: coordinates are continuous; the challenge's own code counts both edge pixels.

    Paper: The Pascal Visual Object Classes (VOC) Challenge, 2010,
        https://doi.org/10.1007/s11263-009-0275-4

    Args:
        iou: from which overlap on an object counts as found.
        points: recalls, evenly from 0 to 1, at which the best precision from there on is averaged:
            11 in 2007. None takes the whole area under it, as from 2010 on.
    """

    higher_is_better = True

    def __init__(self, *, iou: float = 0.5, points: int | None = None) -> None:
        if not 0 < iou <= 1:
            raise must_be("iou", "above 0 and up to 1", iou)
        if points is not None and points < 2:
            raise must_be("points", "at least 2, or None for the whole area", points)
        self.iou, self.points = iou, points
        self._found: list[tuple[Tensor, Tensor, Tensor]] = []
        self._there: list[Tensor] = []

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Match what was found with what is there."""
        if weight is not None and not bool((weight == 1).all()):
            raise must_be("weight", "left out: objects are counted, not weighted", "some that vary")
        for found, there in zip(prediction.outputs, targets, strict=True):
            counts = ~_difficult(there)
            right, judged = matched(found, there, counts=counts, iou=self.iou)
            kept = (found["scores"], found["labels"], torch.where(judged, right.int(), -1))
            self._found.append(kept)
            self._there.append(there["labels"].where(counts, -1))

    def compute(self) -> float:
        """See `Metric.compute`."""
        figures = self.by_class()
        if not figures:
            raise must_be(
                type(self).__name__,
                "computed over pictures with objects that are not difficult",
                f"{len(self._there)} pictures without",
                "Look at what the held-out part holds.",
            )
        return sum(figures.values()) / len(figures)

    def by_class(self) -> dict[int, float]:
        """The figure of each class that has objects that are not difficult."""
        if not self._there:
            return {}
        scores, labels, right = (torch.cat(parts).cpu() for parts in zip(*self._found, strict=True))
        there = torch.cat(self._there).cpu()
        classes, counts = torch.unique(there[there >= 0], return_counts=True)
        figures = {}
        for place, count in zip(classes.tolist(), counts.tolist(), strict=True):
            of_class = (labels == place) & (right >= 0)
            order = scores[of_class].argsort(descending=True, stable=True)
            figures[place] = self._area(right[of_class][order].double(), count=count)
        return figures

    def _area(self, right: Float[Tensor, "m"], *, count: int) -> float:
        found = right.cumsum(0)
        recall = found / count
        precision = found / torch.arange(1, len(right) + 1)
        best = precision.flip(0).cummax(0).values.flip(0) if len(right) else precision
        if self.points is None:
            return float((best * right).sum() / count)
        wanted = torch.linspace(0, 1, self.points, dtype=torch.float64)
        # a recall of 3/10 reaches 0.3 whatever the last bit says
        first = torch.searchsorted(recall + 1e-12, wanted)
        return float(torch.cat([best, best.new_zeros(1)])[first].mean())


def matched(
    found: Mapping[str, Tensor],
    there: Mapping[str, Tensor],
    *,
    counts: Bool[Tensor, "g"],
    iou: float,
) -> tuple[Bool[Tensor, "m"], Bool[Tensor, "m"]]:
    """Which answers are right, and which are judged at all: one on a difficult object is not."""
    scores = found["scores"]
    if not len(there["labels"]):
        return torch.zeros_like(scores, dtype=torch.bool), torch.ones_like(scores, dtype=torch.bool)
    from torchvision.ops import box_iou

    overlap = box_iou(found["boxes"], there["boxes"]).nan_to_num(0)  # of boxes without area
    alike = found["labels"][:, None] == there["labels"]
    most, taken = overlap.where(alike, -1.0).max(dim=1)
    close = most >= iou
    order = scores.argsort(descending=True, stable=True)
    claims = torch.nn.functional.one_hot(taken, len(counts)) * close[:, None]
    earlier = torch.zeros_like(claims)
    earlier[order] = claims[order].cumsum(0)
    first = earlier.gather(1, taken[:, None]).squeeze(1) == 1
    return close & first & counts[taken], ~close | counts[taken]


def _difficult(there: Mapping[str, Tensor]) -> Tensor:
    given = there.get("difficult")
    return torch.zeros_like(there["labels"], dtype=torch.bool) if given is None else given.bool()
