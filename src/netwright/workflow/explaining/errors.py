"""Maps for the errors that a run's report shows."""

from __future__ import annotations

import torch
from torch import nn

from netwright.data.dataset import Data
from netwright.methods.supervised import Supervised
from netwright.runs.store import RunFolder
from netwright.train.validation import Answers
from netwright.workflow.explaining.deadline import Deadline
from netwright.workflow.explaining.report_maps import drawn_over, maps_of

__all__ = ["explain_errors"]

AT_ONCE = 8
SHARE = 0.6  # of the time; the rest is left to the prototypes


def explain_errors(
    folder: RunFolder,
    *,
    method: Supervised,
    preprocess: nn.Module,
    data: Data,
    answers: Answers,
    deadline: Deadline,
) -> None:
    """Add to each error that is shown where the answer came from, and what spoke for the truth.

    When the time is up, the errors that are left have none.

    Args:
        folder: of the run, with its `pictures/errors.json`.
        method: trained.
        preprocess: from raw pictures to what its network takes.
        data: that the errors are of.
        answers: that were judged.
        deadline: of all pictures of the report.
    """
    rows = folder.read_json("pictures/errors.json")
    places = {int(where): place for place, where in enumerate(answers.index.tolist())}
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        if not deadline.allows(share=SHARE):
            break
        at = torch.tensor([places[row["index"]] for row in part])
        raw = data.samples.take(torch.tensor([row["index"] for row in part]))
        device = next(iter(method.parameters())).device
        with torch.no_grad():
            inputs = preprocess.to(device)(raw.to(device))
        for role, classes in (
            ("predicted", answers.prediction.outputs[at]),
            ("true", answers.targets[at]),
        ):
            maps = maps_of(method.model, inputs, classes=classes, kind=str(data.target.kind))
            if maps is None:
                return
            for number, row in enumerate(part):
                name = f"error-{start + number}-{role}.png"
                folder.write_bytes(f"pictures/{name}", drawn_over(maps[number], raw[number]))
                row.setdefault("maps", {})[role] = name
    folder.write_json("pictures/errors.json", rows)
