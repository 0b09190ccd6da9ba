"""Learning from somebody's DataLoaders, as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from netwright._errors import BadData, must_be, unknown
from netwright.data.batch import Batch
from netwright.data.dataset import Target, TargetKind
from netwright.data.preprocess.none import Nothing
from netwright.data.source import Share, Source
from netwright.data.sources.targets import infer_target
from netwright.data.streams.loader import LoaderSource, as_batch
from netwright.methods.base import Task
from netwright.runs.recipe import Recipe

__all__ = ["PreparedLoaders", "are_loaders", "prepare_loaders"]

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class PreparedLoaders:
    """Loaders by split, with what one pass over the training one showed.

    Attributes:
        loaders: by split; `train` is there.
        target: of the training loader's examples.
        example: two inputs, as the loader gives them.
        counts: examples in each split.
        batches: that the training loader gives an epoch.
        without_truth: splits whose loaders give inputs alone, which nothing can be judged on.
    """

    loaders: Mapping[str, Iterable[Any]]
    target: Target
    example: Any
    counts: Mapping[str, int]
    batches: int
    without_truth: frozenset[str] = frozenset()

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self.loaders)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one example; empty where it is not one tensor."""
        return tuple(self.example.shape[1:]) if isinstance(self.example, Tensor) else ()

    def first_inputs(self, count: int) -> Any:
        """The inputs of a batch of the training loader; the first of them where there are more."""
        return as_batch(next(iter(self.loaders["train"])))[:count].inputs

    @property
    def task(self) -> Task:
        """What is to be learned."""
        target, example = self.target, self.example
        return Task(
            kind=str(target.kind), names=target.names, targets=target.values, example=example
        )

    def train_source(self, recipe: Recipe) -> Source:
        """The training loader as a source."""
        source = LoaderSource(self.loaders["train"])
        if source.length is None:  # a stream: what one pass gave is an epoch
            source.length = self.batches
        return source

    def held_out(
        self, split: str, device: torch.device, *, share: Share | None = None
    ) -> Callable[[], Iterator[Batch]]:
        """Passes over a split's loader; with a share, over the batches of its turn."""
        turn = share or Share()

        def batches() -> Iterator[Batch]:
            seen = 0
            for number, item in enumerate(self.loaders[split]):
                batch = as_batch(item, first=seen)
                seen += len(batch)
                if number % turn.of == turn.rank:
                    yield batch.to(device)

        return batches

    def state(self) -> dict[str, Any]:
        """What answering for new inputs needs; the loaders' own transforms are the caller's."""
        return {
            "input_kind": "tensor",
            "input_shape": list(self.input_shape),
            "network_input_shape": list(self.input_shape),
            "encoder": None,
            "preprocess": Nothing().state(),
            "target": {"kind": str(self.target.kind), "names": list(self.target.names)},
        }

    def summary(self) -> dict[str, Any]:
        """What the record says of the data."""
        return {
            "name": "loader",
            "input_kind": "tensor",
            "input_shape": list(self.input_shape),
            "target": {"kind": str(self.target.kind), "names": list(self.target.names)},
            "splits": {name: {"n": n, "classes": {}} for name, n in self.counts.items()},
            "skipped": [],
            "licence": "",
            "origin": "a DataLoader given from Python",
        }

    def fingerprint(self) -> str:
        """SHA-256 of the shape and the training targets, sorted, as a loader may shuffle."""
        digest = hashlib.sha256(repr((self.input_shape, self.target.names)).encode())
        if self.target.values is not None:
            rows = self.target.values.double().reshape(len(self.target.values), -1).numpy()
            digest.update(np.sort(rows, axis=0).tobytes())
        return digest.hexdigest()


def are_loaders(data: Any) -> bool:
    """Whether `data` is a DataLoader or a mapping of splits to some."""
    if isinstance(data, Mapping):
        return any(isinstance(one, DataLoader) for one in data.values())
    return isinstance(data, DataLoader)


def prepare_loaders(data: Any, *, kind: str | None) -> PreparedLoaders:
    """Look once through the loaders for shapes, classes and counts.

    Targets that are no numbers or classes of an example (boxes, texts, masks) have the kind "none":
    what they mean, and what judges them, is the business of a method of one's own.

    Raises:
        BadData: no training loader, no targets, an empty loader, another split's name.
    """
    loaders = dict(data) if isinstance(data, Mapping) else {"train": data}
    for name in loaders:
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
    if "train" not in loaders:
        raise must_be("data", "a mapping with a train loader", sorted(loaders), error=BadData)
    seen = _look(_undivided(loaders["train"]), split="train")
    target = _target(seen.targets, kind=None if kind is None else TargetKind(kind))
    looks = {"train": seen}
    for name in loaders:
        if name != "train":
            looks[name] = _look(loaders[name], split=name)
            _refuse_divided(loaders[name], split=name)
    counts = {name: look.count for name, look in looks.items()}
    bare = frozenset(name for name, look in looks.items() if look.bare)
    batches = seen.batches if not _is_divided(loaders["train"]) else len(loaders["train"])
    return PreparedLoaders(loaders, target, seen.example, counts, batches, bare)


def _is_divided(loader: Any) -> bool:
    return isinstance(getattr(loader, "sampler", None), DistributedSampler)


def _undivided(loader: Any) -> Iterable[Any]:
    """The loader with all examples, so that every process sees the same classes."""
    if not _is_divided(loader):
        return loader  # type: ignore[no-any-return]
    return DataLoader(
        loader.dataset,
        batch_size=loader.batch_size,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
    )


def _refuse_divided(loader: Any, *, split: str) -> None:
    """A sampler that divides examples also repeats some, to give each process as many."""
    if _is_divided(loader):
        raise must_be(
            f"loader {split}",
            "whole in every process",
            "one with a DistributedSampler",
            "Leave its sampler out; the processes take its batches in turns.",
        )


@dataclass(frozen=True)
class _Seen:
    """What one pass over a loader showed.

    Attributes:
        example: two inputs.
        targets: where they are numbers or classes.
        bare: whether there are no targets at all.
        count: of examples.
        batches: of them.
    """

    example: Any
    targets: Tensor | None
    bare: bool
    count: int
    batches: int


def _look(loader: Iterable[Any], *, split: str) -> _Seen:
    example: Any = None
    targets: list[Any] = []
    count = 0
    for item in loader:
        batch = as_batch(item)
        if not targets:
            example = batch[:2].inputs
        targets.append(batch.targets)
        count += len(batch)
    if not targets:
        raise BadData(f"loader {split} must give at least one batch, got none.")
    numbers = all(isinstance(one, Tensor) and one.ndim <= 2 for one in targets)
    return _Seen(
        example=example,
        targets=torch.cat(targets) if numbers else None,
        bare=all(one is None for one in targets),
        count=count,
        batches=len(targets),
    )


def _target(values: Tensor | None, *, kind: TargetKind | None) -> Target:
    if values is None:
        return Target(kind=TargetKind.NONE)
    named = [str(column) for column in range(values.shape[1])] if values.ndim == 2 else ["target"]
    return infer_target(values.numpy(), names=named, kind=kind)
