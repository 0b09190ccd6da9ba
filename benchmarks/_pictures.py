"""Loops over pictures that are cropped and normalised on the way: the whole of a step."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from _loops import Work, lightning, timed

__all__ = ["lightning_with_data", "ours_with_data"]

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
PADDING = 3  # pixels: 8 % of 32, which is what our default recipe moves a picture by


def pictures(work: Work, *, steps: int) -> tuple[Tensor, Tensor]:
    """One epoch of so many steps; what is on them does not matter to the clock."""
    draw = torch.Generator().manual_seed(0)
    count = steps * work.batch_size
    inputs = torch.randint(256, (count, *work.shape), generator=draw, dtype=torch.uint8)
    return inputs, torch.arange(count) % 10


def ours_with_data(steps: int, *, work: Work) -> tuple[float, nn.Module]:
    """The default recipe, but for the network and the rate."""
    from rich.console import Console

    from netwright.runs.events import Recorder
    from netwright.runs.recipe import Recipe
    from netwright.train.loop import Loop
    from netwright.train.observers.progress import Progress
    from netwright.train.observers.record import Record
    from netwright.workflow.build import make_optimizers, schedule_of, settings_of
    from netwright.workflow.checkup import doctor_for
    from netwright.workflow.session import Given, open_session

    few = pictures(work, steps=1)  # given, so that none are taken from the training pictures
    data = {"train": pictures(work, steps=steps), "val": few, "test": few}
    model = work.network()
    asked: dict[str, Any] = {
        "data": {"name": "given"},
        "device": "cpu",
        "training": {"epochs": 1, "batch_size": work.batch_size, "record_every": 1},
    }
    session = open_session(Recipe.parse(asked), Given(data=data, model=model))
    source = session.prepared.train_source(session.recipe)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nobody = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))

        def learn() -> None:
            with (
                Recorder(folder, 1) as recorder,
                closing(Record(recorder, every=1)) as record,
                closing(Progress(Console(force_terminal=True, file=nobody))) as progress,
            ):
                doctor = doctor_for(session, source=source, report=record.found)
                Loop(
                    session.method,
                    {"train": source},
                    make_optimizer=make_optimizers(session.recipe, session.method),
                    settings=settings_of(session.recipe),
                    schedule=schedule_of(session.recipe),
                    observers=[record, progress, doctor],
                ).run()

        return timed(learn, model)


class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """As people write it: one picture at a time, through torchvision's transforms."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        from torchvision.transforms import v2

        self._inputs, self._targets = inputs, targets.tolist()
        self._transform = v2.Compose(
            [
                v2.RandomCrop(inputs.shape[-1], padding=PADDING),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self._transform(self._inputs[place]), self._targets[place]


def lightning_with_data(steps: int, *, work: Work, tuned: bool = False) -> tuple[float, nn.Module]:
    """A DataLoader of the same process: workers would be processor time as well."""
    loader = torch.utils.data.DataLoader(
        Pictures(*pictures(work, steps=steps)), batch_size=work.batch_size, shuffle=True
    )
    return lightning(steps, work=work, told=False, tuned=tuned, loader=loader)
