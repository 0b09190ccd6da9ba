"""Random answers for every metric of the catalogue, in one place for all that holds of all."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.metrics.base import Prediction
from netwright.metrics.catalogue import CATALOGUE

COUNT, CLASSES = 35, 4


@dataclass(frozen=True)
class Case:
    """What a metric is shown.

    Attributes:
        options: of its constructor.
        prediction: answers for COUNT examples.
        targets: of the same.
        weight: likewise; None for what knows no weights.
    """

    options: dict[str, Any]
    prediction: Prediction
    targets: Any
    weight: Tensor | None

    def rows(self, rows: Any) -> tuple[Prediction, Any, Tensor | None]:
        """Some of the examples, by a list of places."""
        given = self.prediction
        picked = Prediction(
            outputs=pick(given.outputs, rows),
            probabilities=pick(given.probabilities, rows),
            logits=pick(given.logits, rows),
            deviations=pick(given.deviations, rows),
        )
        return picked, pick(self.targets, rows), pick(self.weight, rows)


def pick(values: Any, rows: list[int]) -> Any:
    """Rows of a tensor or a list."""
    if values is None or isinstance(values, Tensor):
        return None if values is None else values[torch.tensor(rows, dtype=torch.long)]
    return [values[row] for row in rows]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights() -> Tensor:
    return torch.randint(0, 4, (COUNT,), generator=generator(9)).double()


def classified() -> Case:
    random = generator()
    targets = torch.randint(0, CLASSES, (COUNT,), generator=random)
    logits = torch.randn(COUNT, CLASSES, generator=random).double() + F.one_hot(targets, CLASSES)
    answer = Prediction(outputs=logits.argmax(1), probabilities=logits.softmax(1), logits=logits)
    return Case({}, answer, targets, weights())


def numbers() -> Case:
    random = generator()
    targets = torch.randint(0, 9, (COUNT,), generator=random).double()
    outputs = targets + torch.rand(COUNT, generator=random).double()
    deviations = torch.rand(COUNT, generator=random).double() + 0.1
    answer = Prediction(outputs=outputs, deviations=deviations)
    return Case({}, answer, targets, weights())


def quantiles() -> Case:
    random = generator()
    outputs = torch.randn(COUNT, 2, generator=random).double().sort(dim=1).values
    targets = torch.randn(COUNT, generator=random).double()
    return Case({"quantiles": (0.1, 0.9)}, Prediction(outputs=outputs), targets, weights())


def masks() -> Case:
    random = generator()
    targets = torch.randint(0, CLASSES, (COUNT, 5, 6), generator=random)
    noise = torch.randint(0, CLASSES, targets.shape, generator=random)
    outputs = targets.where(torch.rand(targets.shape, generator=random) < 0.6, noise)
    targets[torch.rand(targets.shape, generator=random) < 0.1] = 255
    return Case(
        {"ignore_index": 255, "num_classes": CLASSES},
        Prediction(outputs=outputs),
        targets,
        weights(),
    )


def blocks(random: torch.Generator) -> Tensor:
    """Classes and numbers of things in large patches, so that some of them overlap."""
    coarse = torch.randint(0, CLASSES, (COUNT, 1, 3, 3), generator=random)
    number = torch.randint(0, 3, (COUNT, 1, 3, 3), generator=random)
    return torch.cat([coarse, number], dim=1).repeat_interleave(4, 2).repeat_interleave(4, 3)


def panoptic() -> Case:
    random = generator()
    targets = blocks(random)
    changed = torch.rand(COUNT, 1, 12, 12, generator=random) < 0.15
    outputs = torch.where(changed, blocks(random), targets)
    targets[:, 0][torch.rand(COUNT, 12, 12, generator=random) < 0.1] = 255
    options = {"num_classes": CLASSES, "stuff": (0, 2), "ignore_index": 255}
    return Case(options, Prediction(outputs=outputs), targets, weights())


def objects(*, masked: bool = False, crowds: bool = True, seed: int = 0) -> Case:
    """Up to five objects a picture, some found, some not, some found twice, some nowhere."""
    random = generator(seed)
    outputs, targets = [], []
    for _ in range(COUNT):
        there = int(torch.randint(0, 6, (), generator=random))
        found = int(torch.randint(0, 9, (), generator=random)) if there else there
        corner = torch.rand(there, 2, generator=random) * 60
        boxes = torch.cat([corner, corner + 8 + torch.rand(there, 2, generator=random) * 60], 1)
        labels = torch.randint(0, CLASSES, (there,), generator=random)
        of = torch.randint(0, max(there, 1), (found,), generator=random)
        moved = boxes[of] + torch.randn(found, 4, generator=random) * 4
        moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
        crowd = (torch.rand(there, generator=random) < 0.2).long() * int(crowds)
        scores = torch.rand(found, generator=random)
        targets.append({"boxes": boxes, "labels": labels, "iscrowd": crowd})
        outputs.append({"boxes": moved, "labels": labels[of], "scores": scores})
    if masked:
        for one in (*targets, *outputs):
            one["masks"] = filled(one["boxes"])
    return Case({}, Prediction(outputs=outputs), targets, None)


def filled(boxes: Tensor) -> Tensor:
    """Ellipses in boxes, on pictures of 140 pixels a side."""
    y, x = torch.meshgrid(torch.arange(140.0), torch.arange(140.0), indexing="ij")
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    off = ((x - middle[:, 0, None, None]) / half[:, 0, None, None]) ** 2
    return off + ((y - middle[:, 1, None, None]) / half[:, 1, None, None]) ** 2 <= 1


def tokens() -> Case:
    random = generator()
    logits = torch.randn(COUNT, 6, 11, generator=random).double()
    targets = torch.randint(0, 11, (COUNT, 6), generator=random)
    targets[torch.rand(COUNT, 6, generator=random) < 0.2] = -100
    return Case({"ignore_index": -100}, Prediction(outputs=None, logits=logits), targets, weights())


def texts() -> Case:
    random = generator()
    words = ["a", "b", "c", "d", "e", "f"]

    def text(most: int) -> list[str]:
        length = int(torch.randint(0, most, (), generator=random))
        return [words[int(torch.randint(0, 6, (), generator=random))] for _ in range(length)]

    wanted = [[text(14), text(14)] for _ in range(COUNT)]
    answers = [[*one[0][: len(one[0]) * 2 // 3], *text(4)] for one in wanted]
    return Case({}, Prediction(outputs=answers), wanted, weights())


_BY_KIND = {
    "binary": classified,
    "real": numbers,
    "counts": numbers,
    "quantiles": quantiles,
    "masks": masks,
    "objects": objects,
    "mask_average_precision": lambda: objects(masked=True),
    "things and stuff": panoptic,
    "tokens": tokens,
    "texts": texts,
}
_OPTIONS: dict[str, dict[str, Any]] = {"top_accuracy": {"n": 2}, "top_error": {"n": 2}}


def kind_of(name: str) -> str:
    """Which metrics are shown the same."""
    return name if name in _BY_KIND else CATALOGUE.entry(name).facts.get("judges", ("",))[0]


def case_of(name: str) -> Case | None:
    """What the metric of that name is shown; None where nobody has thought of it."""
    made = _BY_KIND.get(kind_of(name))
    return None if made is None else made()


def metric_of(name: str, case: Case) -> Any:
    """A fresh one."""
    made = CATALOGUE.load(name)
    options = {**case.options, **_OPTIONS.get(name, {})}
    if "num_classes" in inspect.signature(made).parameters:
        options.setdefault("num_classes", CLASSES)
    return made(**options)
