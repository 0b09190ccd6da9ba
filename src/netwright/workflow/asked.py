"""Data that a trained run is asked about, opened as it was in training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadData, must_be, offenders, unknown
from netwright.data.batch import Batch
from netwright.data.dataset import ONE_CLASS, Data, InMemory, InputKind, Samples, Target, TargetKind
from netwright.data.decode import EXTENSIONS
from netwright.data.open import TABLES, open_data
from netwright.data.sources.pictures import read_pictures
from netwright.data.sources.table import Table
from netwright.data.sources.targets import as_columns, side_by_side
from netwright.data.streams.held_out import held_out
from netwright.train.precision import choose_device, choose_precision
from netwright.train.validation import Answers, predict_all
from netwright.workflow.build import GIVEN, resolved_path
from netwright.workflow.prepare import JUDGED_BATCH, divide_data, fingerprint
from netwright.workflow.run import Run

__all__ = [
    "Asked",
    "as_trained",
    "ask",
    "batches_of",
    "open_asked",
    "open_unlabelled",
    "unlabelled",
]

_NAMED = ("binary", "classes", "ordinal")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Labelled data for a run.

    Attributes:
        opened: with the samples and the targets as the run has them.
        own: whether they are those it was trained on.
        splits: those that can be asked for by name.
    """

    opened: Data
    own: bool
    splits: Mapping[str, Tensor]

    def split(self, name: str | None) -> str:
        """The split that is meant; without a name the test split, or all."""
        meant = name or ("test" if "test" in self.splits else "all")
        if meant not in (*self.splits, "all"):
            raise unknown("split", meant, [*self.splits, "all"])
        return meant

    def index(self, name: str) -> Tensor:
        """Places of its examples."""
        return self.splits[name] if name in self.splits else torch.arange(len(self.opened))


def open_asked(run: Run, data: Any, *, skip_bad: bool) -> Asked:
    """Open labelled data; None opens what the run was trained on.

    Raises:
        BadData: it is not of the kind the run was trained on, or holds classes it does not know.
    """
    if data is None and run.recipe.data.name == GIVEN:
        raise must_be("data", "given again: the run's came from Python", None)
    data = run.recipe.data.name if data is None else data
    opened = _open(run, data, kind=_kind(run, data), skip_bad=skip_bad)
    own = fingerprint(opened) == run.recipe.data.fingerprint
    target = _known_classes(run, opened.target)
    if target.values is None:
        raise must_be("data", "labelled, to be judged by", opened.name, error=BadData)
    readable = replace(opened, samples=as_trained(run, opened), target=target)
    splits = divide_data(opened, run.recipe) if own else dict(opened.splits)
    return Asked(opened=readable, own=own, splits=splits)


def open_unlabelled(run: Run, data: Any, *, skip_bad: bool) -> Data:
    """Open data whose targets are not asked for."""
    opened = _open(run, data, kind="none", skip_bad=skip_bad)
    return replace(opened, samples=as_trained(run, opened))


def ask(run: Run, asked: Asked, *, split: str) -> Answers:
    """What the run answers for a split, with the targets."""
    precision = choose_precision(run.recipe.training.precision, choose_device(run.recipe.device))
    return predict_all(run.method, batches_of(run, asked, split=split), precision=precision)


def batches_of(run: Run, asked: Asked, *, split: str) -> Iterator[Batch]:
    """The batches of a split, on the device of the run."""
    opened = asked.opened
    return _batches(
        run, opened.samples, asked.index(asked.split(split)), targets=opened.target.values
    )


def unlabelled(run: Run, opened: Data) -> Iterator[Batch]:
    """Batches of all examples, on the device of the run."""
    return _batches(run, opened.samples, torch.arange(len(opened)), targets=None)


def _kind(run: Run, data: Any) -> Any:
    """Of the targets; by task where there are several, whose values may tell less than in training.

    Pictures in folders have the one task that their folders name.
    """
    target = run.state["target"]
    folders = run.state["input_kind"] == InputKind.IMAGE and isinstance(data, (str, os.PathLike))
    if "parts" not in target or folders:
        return target["kind"]
    return {task: part["kind"] for task, part in target["parts"].items()}


def _open(run: Run, data: Any, *, kind: Any, skip_bad: bool) -> Data:
    part, state = run.recipe.data, run.state
    if not isinstance(data, (str, os.PathLike)):
        return _of_the_kind(run, open_data(data, kind=kind, skip_bad=skip_bad))
    picture = state["input_kind"] == InputKind.IMAGE
    wishes: dict[str, Any] = {"kind": kind, "skip_bad": skip_bad}
    channels, height, width = state["input_shape"] if picture else (0, 0, 0)
    if picture and os.path.exists(data) and Path(data).suffix.lower() not in TABLES:
        wishes |= {"image_size": (height, width), "channels": channels}
    if kind != "none":
        wishes |= {"target": part.target} if part.target is not None else {}
        if resolved_path(os.fspath(data)) == part.name:  # else the columns mean nothing
            wishes |= {"group": part.group, "time": part.time}
    if picture and kind == "none" and Path(data).suffix.lower() in EXTENSIONS:
        return _one_picture(Path(data), channels=channels, size=(height, width))
    return _of_the_kind(run, open_data(data, **wishes))


def _of_the_kind(run: Run, opened: Data) -> Data:
    if opened.input_kind != run.state["input_kind"]:
        raise must_be(
            "data",
            f"of the kind the run was trained on ({run.state['input_kind']})",
            f"{opened.name}, which is {opened.input_kind}",
            error=BadData,
        )
    return opened


def _one_picture(path: Path, *, channels: int, size: tuple[int, int]) -> Data:
    if not path.is_file():
        raise must_be("data", "a picture, or a path to what is there", str(path), error=BadData)
    read = read_pictures([path], [path.name], image_size=size, channels=channels, skip_bad=False)
    return Data(
        name=path.stem,
        samples=read.samples,
        input_kind=InputKind.IMAGE,
        target=Target(kind=TargetKind.NONE),
        labels=(path.name,),
    )


def as_trained(run: Run, opened: Data) -> Samples:
    """The samples as the run's preprocessing takes them; a table by the run's own encoder.

    Raises:
        BadData: they have another shape than those the run was trained on.
    """
    samples = opened.samples
    if isinstance(samples, Table):
        if run.encoder is None:
            raise must_be("data", "pictures or arrays, as in training", "a table", error=BadData)
        known = [name for name in run.encoder.levels if name in samples.names]
        samples = InMemory(run.encoder.encode(samples.select(known)))
    shape = tuple(samples.take(torch.zeros(1, dtype=torch.int64)).shape[1:])
    if list(shape) != list(run.state["input_shape"]):
        raise must_be(
            "data",
            f"of the shape the run was trained on, {tuple(run.state['input_shape'])}",
            shape,
            error=BadData,
        )
    return samples


def _known_classes(run: Run, target: Target) -> Target:
    """The targets, numbered as in training."""
    trained = run.state["target"]
    if "parts" not in trained or target.values is None:
        return _numbered_as(trained, target)
    if target.names != tuple(trained["names"]):
        raise must_be(
            "targets",
            f"of the tasks the run was trained on ({', '.join(trained['names'])})",
            ", ".join(target.names),
            error=BadData,
        )
    parts = {}
    widths = [part.columns for part in target.parts.values()]
    columns = torch.split(target.values, widths, dim=1)
    for (task, part), values in zip(target.parts.items(), columns, strict=True):
        there = ~values.isnan().any(dim=1)
        own = values[there, 0].long() if part.kind in ONE_CLASS else values[there]
        known = _numbered_as(trained["parts"][task], replace(part, values=own))
        whole = torch.full_like(values, torch.nan)
        whole[there] = as_columns(known)
        parts[task] = replace(known, values=whole)
    return side_by_side(parts)


def _numbered_as(trained: Mapping[str, Any], target: Target) -> Target:
    names: list[str] = trained["names"]
    if trained["kind"] not in _NAMED or list(target.names) == names:
        return target
    strange = [name for name in target.names if name not in names]
    if strange or target.values is None:
        raise must_be(
            "classes",
            f"among those the run was trained on ({', '.join(names)})",
            offenders(strange),
            error=BadData,
        )
    places = torch.tensor([names.index(name) for name in target.names])
    return Target(kind=target.kind, names=tuple(names), values=places[target.values])


def _batches(
    run: Run, samples: Samples, index: Tensor, *, targets: Tensor | None
) -> Iterator[Batch]:
    device = choose_device(run.recipe.device)
    run.method.to(device)
    return held_out(
        samples,
        targets,
        index=index,
        batch_size=JUDGED_BATCH,
        preprocess=run.preprocess.to(device),
        device=device,
    )
