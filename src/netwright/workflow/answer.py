"""A trained run asked about new data: answers without labels, figures with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadData, must_be, offenders, unknown
from netwright.data.batch import Batch
from netwright.data.dataset import Data, InMemory, InputKind, Samples, Target, TargetKind
from netwright.data.decode import EXTENSIONS
from netwright.data.open import TABLES, open_data
from netwright.data.sources.pictures import read_pictures
from netwright.data.sources.table import Table
from netwright.data.streams.held_out import held_out
from netwright.train.precision import choose_device, choose_precision
from netwright.train.validation import predict_all
from netwright.workflow.build import resolved_path
from netwright.workflow.judging import evaluation_record, in_words, judge_split
from netwright.workflow.prepare import JUDGED_BATCH, divide_data, fingerprint
from netwright.workflow.run import Run

__all__ = ["Answer", "evaluate", "predict"]

_NAMED = ("binary", "classes", "ordinal")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a run says of one example.

    Attributes:
        label: the example: file name, row.
        prediction: in words.
        probabilities: by class; empty where the method gives none.
        numbers: by target column where numbers are asked for, in full; several answers to one
            column (quantiles) are counted: `price[0]`.
    """

    label: str
    prediction: str
    probabilities: dict[str, float]
    numbers: dict[str, float]


def predict(run: Run, data: str | os.PathLike[str], *, skip_bad: bool = False) -> list[Answer]:
    """Answers for every example of a path, labelled or not.

    Args:
        run: trained.
        data: whatever `fit` takes as a path or name; pictures need no class folders, tables no
            target column.
        skip_bad: leave out what can't be read.

    Raises:
        BadData: it is not of the kind the run was trained on, or columns are missing.
    """
    opened = _open(run, data, kind="none", skip_bad=skip_bad)
    samples = _as_trained(run, opened)
    everything = torch.arange(len(samples))
    device = choose_device(run.recipe.device)
    precision = choose_precision(run.recipe.training.precision, device)
    run.method.to(device)
    batches = _batches(run, samples, everything, targets=None, device=device)()
    prediction = predict_all(run.method, batches, precision=precision).prediction
    target = run.state["target"]
    return [
        Answer(
            label=opened.labels[place] if opened.labels else str(place),
            prediction=in_words(prediction.outputs[place], **target),
            probabilities=_by_class(prediction.probabilities, place, target=target),
            numbers=_by_column(prediction.outputs, place, target=target),
        )
        for place in range(len(samples))
    ]


def evaluate(
    run: Run,
    data: str | os.PathLike[str],
    *,
    split: str | None = None,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Figures with intervals over labelled data, in the form of `evaluation/SPLIT.json`.

    Args:
        run: trained.
        data: whatever `fit` takes as a path or name.
        split: "train", "val", "test" or "all". By default the test split of the data the run was
            trained on or of data that come with one, and all of any other.
        skip_bad: leave out what can't be used.

    Raises:
        BadData: it is not of the kind the run was trained on, or holds classes it does not know.
    """
    opened = _open(run, data, kind=run.state["target"]["kind"], skip_bad=skip_bad)
    own = fingerprint(opened) == run.recipe.data.fingerprint
    samples = _as_trained(run, opened)
    opened = replace(opened, samples=samples, target=_known_classes(run, opened.target))
    name, index = _split_of(run, opened, split=split, own=own)
    device = choose_device(run.recipe.device)
    run.method.to(device)
    target = run.state["target"]
    judgement, _ = judge_split(
        run.method,
        _batches(run, samples, index, targets=opened.target.values, device=device)(),
        kind=target["kind"],
        names=tuple(target["names"]),
        precision=choose_precision(run.recipe.training.precision, device),
    )
    return evaluation_record(judgement, split=name) | {
        "data": os.fspath(data),
        "skipped": len(opened.skipped),
    }


def _open(run: Run, data: str | os.PathLike[str], *, kind: str, skip_bad: bool) -> Data:
    part = run.recipe.data
    state = run.state
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
    opened = open_data(data, **wishes)
    if opened.input_kind != state["input_kind"]:
        raise must_be(
            "data",
            f"of the kind the run was trained on ({state['input_kind']})",
            f"{os.fspath(data)}, which is {opened.input_kind}",
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


def _as_trained(run: Run, opened: Data) -> Samples:
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
    trained: list[str] = run.state["target"]["names"]
    if run.state["target"]["kind"] not in _NAMED or list(target.names) == trained:
        return target
    strange = [name for name in target.names if name not in trained]
    if strange or target.values is None:
        raise must_be(
            "classes",
            f"among those the run was trained on ({', '.join(trained)})",
            offenders(strange),
            error=BadData,
        )
    places = torch.tensor([trained.index(name) for name in target.names])
    return Target(kind=target.kind, names=tuple(trained), values=places[target.values])


def _split_of(run: Run, data: Data, *, split: str | None, own: bool) -> tuple[str, Tensor]:
    splits = dict(data.splits)
    if own:
        splits = divide_data(data, run.recipe)
    if split is None:
        split = "test" if "test" in splits else "all"
    splits["all"] = torch.arange(len(data))
    if split not in splits:
        raise unknown("split", split, splits)
    return split, splits[split]


def _batches(
    run: Run, samples: Samples, index: Tensor, *, targets: Tensor | None, device: torch.device
) -> Callable[[], Iterator[Batch]]:
    preprocess = run.preprocess.to(device)

    def batches() -> Iterator[Batch]:
        return held_out(
            samples,
            targets,
            index=index,
            batch_size=JUDGED_BATCH,
            preprocess=preprocess,
            device=device,
        )

    return batches


def _by_class(
    probabilities: Tensor | None, place: int, *, target: Mapping[str, Any]
) -> dict[str, float]:
    if probabilities is None or target["kind"] not in (*_NAMED, "multi-label"):
        return {}  # bins have probabilities too, but no names
    names = target["names"]
    row = probabilities[place]
    if row.ndim == 0:
        return {names[0]: 1 - float(row), names[1]: float(row)}
    return {name: float(share) for name, share in zip(names, row, strict=True)}


def _by_column(outputs: Tensor, place: int, *, target: dict[str, Any]) -> dict[str, float]:
    if target["kind"] in (*_NAMED, "multi-label"):
        return {}
    names, values = target["names"], outputs[place].reshape(-1).tolist()
    if len(values) != len(names):
        names = [f"{names[0]}[{number}]" for number in range(len(values))]
    return dict(zip(names, values, strict=True))
