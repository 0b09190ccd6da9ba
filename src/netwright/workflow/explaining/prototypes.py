"""The most typical examples of each class, for a run's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError
from netwright.data.dataset import Data
from netwright.explain.inside.layer_features import layer_features
from netwright.explain.prototypes import Prototypes, prototypes
from netwright.methods.supervised import Supervised
from netwright.runs.store import RunFolder
from netwright.train.validation import Answers
from netwright.workflow.explaining.deadline import Deadline
from netwright.workflow.explaining.report_maps import drawn_over, maps_of

__all__ = ["write_prototypes"]

FILE = "pictures/prototypes.json"
CLASSES, EACH = 12, 3  # shown at most
EXAMINED = 100  # of each class
AT_ONCE = 32
SHARE = 0.8  # of the time, at which the search ends and the maps begin


@dataclass(frozen=True)
class _Seen:
    """What the pictures of a report are made of."""

    method: Supervised
    preprocess: nn.Module
    data: Data

    def inputs(self, raw: Tensor) -> Tensor:
        device = next(iter(self.method.parameters())).device
        with torch.no_grad():
            prepared: Tensor = self.preprocess.to(device)(raw.to(device))
        return prepared


def write_prototypes(
    folder: RunFolder,
    *,
    method: Supervised,
    preprocess: nn.Module,
    data: Data,
    answers: Answers,
    split: str,
    deadline: Deadline,
) -> None:
    """Write the rightly answered examples that are nearest to the mean of their class.

    Of the 12 classes with the most of them, three each, with their maps; from at most 100 of a
    class, fewer where the time ends before.

    Args:
        folder: of the run.
        method: trained.
        preprocess: from raw pictures to what its network takes.
        data: that the answers are of.
        answers: that were judged.
        split: which they are of.
        deadline: of all pictures of the report.
    """
    seen = _Seen(method, preprocess, data)
    right = answers.prediction.outputs.cpu() == answers.targets.cpu()
    asked, classes = _asked(answers.targets.cpu(), right)
    try:
        features = layer_features(
            method.model, _batches(seen, answers.index.cpu()[asked], deadline)
        )
    except NetwrightError:  # a network without a last layer, or no time for a single batch
        return
    asked = asked[: len(features)]
    found = prototypes(features.cpu(), answers.targets.cpu()[asked].long(), count=EACH)
    rows = [_row(folder, seen, one, answers.index.cpu()[asked[one.index]]) for one in found]
    known = int(torch.unique(answers.targets).numel())
    about = {"split": split, "left_out": classes - len(rows), "nothing_right": known - classes}
    folder.write_json(FILE, about | {"classes": rows})
    _add_maps(folder, seen, rows, deadline=deadline)
    folder.write_json(FILE, about | {"classes": rows})


def _asked(targets: Tensor, right: Tensor) -> tuple[Tensor, int]:
    """Places to be looked at, of all classes in turn, and how many classes there are to show."""
    labels, counts = torch.unique(targets[right], return_counts=True)
    largest = labels[counts.argsort(descending=True, stable=True)[:CLASSES]]
    turns = []
    for label in largest.sort().values.tolist():
        own = (right & (targets == label)).nonzero().flatten()
        own = own[torch.linspace(0, len(own) - 1, min(len(own), EXAMINED)).round().long()]
        turns += [(turn, label, place) for turn, place in enumerate(own.tolist())]
    return torch.tensor([place for *_, place in sorted(turns)], dtype=torch.int64), len(labels)


def _batches(seen: _Seen, index: Tensor, deadline: Deadline) -> Iterator[Tensor]:
    for part in torch.split(index, AT_ONCE) if len(index) else ():
        if not deadline.allows(share=SHARE):
            return
        yield seen.inputs(seen.data.samples.take(part))


def _row(folder: RunFolder, seen: _Seen, of: Prototypes, index: Tensor) -> dict[str, Any]:
    from netwright.workflow.in_words import in_words
    from netwright.workflow.judging import write_picture

    kind, names, data = str(seen.data.target.kind), seen.data.target.names, seen.data
    return {
        "label": of.label,
        "name": in_words(of.label, kind=kind, names=names),
        "examined": of.examined,
        "examples": [
            {
                "file": write_picture(
                    folder, data, place=where, name=f"prototype-{of.label}-{number}.png"
                ),
                "label": data.labels[where] if data.labels else str(where),
                "index": where,
                "distance": far,
            }
            for number, (where, far) in enumerate(
                zip(index.tolist(), of.distance.tolist(), strict=True)
            )
        ],
    }


def _add_maps(
    folder: RunFolder, seen: _Seen, rows: Sequence[dict[str, Any]], *, deadline: Deadline
) -> None:
    """Where each speaks for its class; the first of every class before the second of any."""
    kind = str(seen.data.target.kind)
    for turn in range(EACH):
        shown = [(row, row["examples"][turn]) for row in rows if turn < len(row["examples"])]
        if not shown or not deadline.allows():
            return
        raw = seen.data.samples.take(torch.tensor([example["index"] for _, example in shown]))
        classes = torch.tensor([row["label"] for row, _ in shown])
        maps = maps_of(seen.method.model, seen.inputs(raw), classes=classes, kind=kind)
        if maps is None:
            return
        for (row, example), heat, picture in zip(shown, maps, raw, strict=True):
            name = f"prototype-{row['label']}-{turn}-map.png"
            folder.write_bytes(f"pictures/{name}", drawn_over(heat, picture))
            example["map"] = name
