"""Average precision of found objects, as COCO reckons it; the evaluator is hotcoco's.

An answer is a mapping a picture, as torchvision's detectors give it: `boxes` (m, 4) as x₁ y₁ x₂ y₂,
`scores` (m,), `labels` (m,), and `masks` (m, h, w) where masks are judged (above a half is inside).
A target has `boxes` or `masks`, `labels`, and may have `iscrowd` (m,) and `area` (m,).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from netwright._errors import must_be
from netwright._optional import optional
from netwright.metrics.base import Metric, Prediction

__all__ = ["BoxAveragePrecision", "FoundObjects", "MaskAveragePrecision"]

_COCO_IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
_ALL_AREAS = (0.0, 1e10)

Objects = Mapping[str, Any]


class FoundObjects(Metric):
    """Average precision over the classes that have objects; keeps every answer until it is read.

    Args:
        ious: from which overlap on an object counts as found; the figure is the mean over them.
        area: pixels that an object has, at least and at most; others don't count.
        most: answers of the highest scores that are looked at in a picture.
    """

    higher_is_better = True
    of: ClassVar[str]

    def __init__(
        self,
        *,
        ious: Sequence[float] = _COCO_IOUS,
        area: tuple[float, float] = _ALL_AREAS,
        most: int = 100,
    ) -> None:
        if not ious or not all(0 < one <= 1 for one in ious):
            raise must_be("ious", "numbers above 0 and up to 1", tuple(ious))
        if most < 1:
            raise must_be("most", "at least 1", most, "COCO takes 100.")
        self.ious, self.area, self.most = tuple(ious), tuple(area), most
        self._pictures: list[tuple[Objects, Objects]] = []

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Keep what was found and what is there."""
        if weight is not None and not bool((weight == 1).all()):
            raise must_be("weight", "left out: objects are counted, not weighted", "some that vary")
        pairs = zip(prediction.outputs, targets, strict=True)
        self._pictures += [(self.kept(found), self.kept(there)) for found, there in pairs]

    def compute(self) -> float:
        """See `Metric.compute`."""
        figures = self.by_class()
        if not figures:
            raise must_be(
                type(self).__name__,
                "computed over pictures with objects that count",
                f"{len(self._pictures)} pictures without",
                "Look at what the held-out part holds.",
            )
        return sum(figures.values()) / len(figures)

    def by_class(self) -> dict[int, float]:
        """The figure of each class that has objects that count."""
        found, there = ([picture[side] for picture in self._pictures] for side in (0, 1))
        classes = np.unique(np.concatenate([_column(found, "labels"), _column(there, "labels")]))
        if not len(_column(there, "labels")):
            return {}
        evaluator = optional("hotcoco", extra="detection")
        true = self._true(evaluator, there, classes=classes)
        judge = evaluator.COCOeval(true, true.load_res(self.answers(found)), self.of)
        params = judge.params
        params.iou_thrs, params.max_dets = list(self.ious), [self.most]
        params.area_rng, params.area_rng_lbl = [list(self.area)], ["chosen"]
        judge.params = params
        judge.evaluate()
        judge.accumulate()
        precision = judge.eval["precision"][:, :, :, 0, 0]  # iou, recall, class
        figures = precision.mean(axis=(0, 1))
        return {
            int(place): float(figure)
            for place, figure in zip(classes, figures, strict=True)
            if figure > -1
        }

    @abstractmethod
    def kept(self, objects: Objects) -> Objects:
        """What is needed later of one picture's objects."""

    @abstractmethod
    def outlines(self, pictures: Sequence[Objects]) -> dict[str, Any]:
        """Boxes, outlines and areas of all true objects, as the evaluator takes them."""

    @abstractmethod
    def answers(self, pictures: Sequence[Objects]) -> Any:
        """All answers, as the evaluator takes them."""

    def _true(self, evaluator: Any, pictures: Sequence[Objects], *, classes: Any) -> Any:
        drawn = self.outlines(pictures)
        areas, crowds = drawn["area"], np.zeros(len(drawn["area"]), dtype=np.int64)
        for rows, picture in zip(_rows(pictures), pictures, strict=True):
            areas[rows] = _array(picture.get("area", areas[rows]))
            crowds[rows] = _array(picture.get("iscrowd", crowds[rows]))
        return evaluator.COCO.from_arrays(
            [{"id": place, "height": 1, "width": 1} for place in range(1, len(pictures) + 1)],
            [{"id": int(place), "name": str(place)} for place in classes],
            _places(pictures),
            _column(pictures, "labels"),
            drawn["boxes"],
            iscrowd=crowds,
            area=areas,
            segmentation=drawn["segmentation"],
        )


class BoxAveragePrecision(FoundObjects):
    """Average precision of boxes, over IoUs from 0.5 to 0.95; on their device until it is read.

    Paper: Microsoft COCO: Common Objects in Context, 2014, https://arxiv.org/abs/1405.0312
    """

    of = "bbox"

    def kept(self, objects: Objects) -> Objects:
        """See `FoundObjects.kept`."""
        return {name: value.detach() for name, value in objects.items() if name != "masks"}

    def outlines(self, pictures: Sequence[Objects]) -> dict[str, Any]:
        """See `FoundObjects.outlines`."""
        boxes = _sides(pictures)
        return {"boxes": boxes, "segmentation": None, "area": boxes[:, 2] * boxes[:, 3]}

    def answers(self, pictures: Sequence[Objects]) -> Any:
        """See `FoundObjects.answers`."""
        columns = _places(pictures), _sides(pictures), _column(pictures, "scores")
        return np.column_stack([*columns, _column(pictures, "labels")]).astype(np.float64)


class MaskAveragePrecision(FoundObjects):
    """Average precision of masks, over IoUs from 0.5 to 0.95.

    Masks are kept as run lengths on the processor, so each update waits for the device.

    Paper: Microsoft COCO: Common Objects in Context, 2014, https://arxiv.org/abs/1405.0312
    """

    of = "segm"

    def kept(self, objects: Objects) -> Objects:
        """See `FoundObjects.kept`."""
        encode = optional("hotcoco", extra="detection").mask.encode
        inside = objects["masks"].detach() > 0.5
        stack = inside.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        runs = encode(np.asfortranarray(stack)) if stack.shape[2] else []
        area = inside.flatten(1).sum(dim=1)
        return {"area": area} | {**objects, "masks": runs}

    def outlines(self, pictures: Sequence[Objects]) -> dict[str, Any]:
        """See `FoundObjects.outlines`."""
        runs = [one for picture in pictures for one in picture["masks"]]
        areas = _column(pictures, "area").astype(np.float64)
        return {"boxes": np.zeros((len(runs), 4)), "segmentation": runs, "area": areas}

    def answers(self, pictures: Sequence[Objects]) -> Any:
        """See `FoundObjects.answers`."""
        return [
            {"image_id": place, "category_id": int(label), "score": score, "segmentation": runs}
            for place, picture in enumerate(pictures, start=1)
            for label, score, runs in zip(
                _array(picture["labels"]).tolist(),
                _array(picture["scores"]).tolist(),
                picture["masks"],
                strict=True,
            )
        ]


def _array(values: Any) -> Any:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _column(pictures: Sequence[Objects], name: str) -> Any:
    parts = [picture[name] for picture in pictures]
    return _array(torch.cat(parts)) if parts else np.zeros(0)


def _places(pictures: Sequence[Objects]) -> Any:
    """The picture of each object, from 1."""
    return np.repeat(
        np.arange(1, len(pictures) + 1), [len(picture["labels"]) for picture in pictures]
    )


def _rows(pictures: Sequence[Objects]) -> list[slice]:
    """Where each picture's objects are among all."""
    ends = np.cumsum([0, *(len(picture["labels"]) for picture in pictures)])
    return [slice(start, end) for start, end in pairwise(ends)]


def _sides(pictures: Sequence[Objects]) -> Any:
    """(m, 4) boxes as x, y, width, height."""
    corners = _column(pictures, "boxes").reshape(-1, 4).astype(np.float64)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
