"""From a data set and a recipe to what a run learns from and is judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.compose import Augment
from netwright.data.augment.torchvision_v2 import PREFIX, in_workers, refuse_in_memory
from netwright.data.batch import Batch
from netwright.data.dataset import (
    ONE_CLASS,
    Data,
    InMemory,
    Items,
    Samples,
    Target,
    TargetKind,
)
from netwright.data.folds import FoldOf
from netwright.data.preprocess import catalogue as preprocessing
from netwright.data.preprocess.base import Restorable
from netwright.data.source import Share, Source
from netwright.data.sources.pictures import PictureFiles
from netwright.data.sources.table import Table, TableEncoder
from netwright.data.split import divide
from netwright.data.streams.cropped import cropped
from netwright.data.streams.held_out import held_out
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.streamed import StreamedSource
from netwright.methods.base import Task
from netwright.runs.recipe import Recipe, SplitPart
from netwright.workflow.build import naming_options

__all__ = ["Prepared", "divide_data", "fingerprint", "prepare"]

JUDGED_BATCH = 512  # examples judged at a time: large enough to fill a processor, small in memory


@dataclass(frozen=True)
class Prepared:
    """A data set that is ready to be learned from.

    Attributes:
        data: as it was read.
        splits: index of each split, by name.
        samples: as the preprocessing takes them; a table is encoded.
        encoder: of a table's columns, fitted on the training split.
        preprocess: fitted on the training split.
        workers: processes that read items.
    """

    data: Data
    splits: Mapping[str, Tensor]
    samples: Samples
    encoder: TableEncoder | None
    preprocess: Any
    workers: int = 0

    @property
    def task(self) -> Task:
        """What is to be learned, with the training split's targets."""
        target = self.data.target
        values = None if target.values is None else target.values[self.splits["train"]]
        return replace(
            Task.of(target.described()),
            targets=values,
            example=self.example,
            restore=self.preprocess.restore if isinstance(self.preprocess, Restorable) else None,
        )

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """Of one example, as it is read; of a table, as it is encoded."""
        return tuple(self.samples.take(self.splits["train"][:1]).shape[1:])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one example, as the network gets it."""
        return tuple(self.first_inputs(1).shape[1:])

    @property
    def example(self) -> Tensor:
        """Two training examples, as the network gets them."""
        return self.first_inputs(2)

    def first_inputs(self, count: int) -> Tensor:
        """The first training examples, as the network gets them; all where there are fewer."""
        preprocessed: Tensor = self.preprocess(self.samples.take(self.splits["train"][:count]))
        return preprocessed

    def train_source(self, recipe: Recipe) -> Source:
        """The training stream of a completed recipe."""
        target = self.data.target.values
        index = self.splits["train"]
        batch_size = recipe.training.batch_size or JUDGED_BATCH
        singly = [entry for entry in _augmentations(recipe) if entry["name"].startswith(PREFIX)]
        augment = self.augmentation(recipe)
        if isinstance(self.samples, InMemory) and singly:
            raise refuse_in_memory(singly[0]["name"])
        if isinstance(self.samples, InMemory):
            return InMemorySource(
                self.samples,
                target,
                index=index,
                batch_size=batch_size,
                seed=recipe.seed,
                preprocess=self.preprocess,
                augment=augment,
            )
        samples, _ = self._reading(recipe)
        if not isinstance(samples, Items):
            raise must_be("samples", "in memory, or read one by one", type(self.samples).__name__)
        return StreamedSource(
            samples,
            target,
            index=index,
            batch_size=batch_size,
            seed=recipe.seed,
            preprocess=self.preprocess,
            transform=in_workers(singly),
            augment=augment,
            workers=self.workers,
        )

    def augmentation(self, recipe: Recipe) -> Augment | None:
        """What a completed recipe does to whole batches, on the device."""
        _, batched = self._reading(recipe)
        if not batched:
            return None
        kind, unit = self.data.target.kind, recipe.method.options.get("unit")
        as_classes = kind is TargetKind.CLASSES or unit == "classes"
        num_classes = len(self.data.target.names) if as_classes else None
        with naming_options("augment", batched):
            return Augment(batched, seed=recipe.seed, num_classes=num_classes)

    def _reading(self, recipe: Recipe) -> tuple[Samples, Sequence[Mapping[str, Any]]]:
        """What is read, and the augmentations that are left for whole batches."""
        entries = _augmentations(recipe)
        batched = [one for one in entries if not one["name"].startswith(PREFIX)]
        with naming_options("augment", batched):
            Augment(batched, seed=recipe.seed)  # refuses what can't be, wherever it is done
        if not isinstance(self.samples, PictureFiles) or len(batched) < len(entries):
            return self.samples, batched
        reading, left = cropped(self.samples, batched, seed=recipe.seed)
        return reading or self.samples, left

    def held_out(
        self, split: str, device: torch.device, *, share: Share | None = None
    ) -> Callable[[], Iterator[Batch]]:
        """Passes over a split, in order; with a share, over the batches of its turn."""
        index = self.splits[split]

        def batches() -> Iterator[Batch]:
            return held_out(
                self.samples,
                self.data.target.values,
                index=index,
                batch_size=JUDGED_BATCH,
                preprocess=self.preprocess,
                device=device,
                workers=self.workers,
                share=share,
            )

        return batches

    def state(self) -> dict[str, Any]:
        """What answering for new inputs needs, as plain data."""
        return {
            "input_kind": str(self.data.input_kind),
            "input_shape": list(self.raw_shape),
            "network_input_shape": list(self.input_shape),
            "encoder": None if self.encoder is None else self.encoder.state(),
            "preprocess": self.preprocess.state(),
            "target": self.data.target.described(),
        }

    def summary(self) -> dict[str, Any]:
        """What the record says of the data."""
        data = self.data
        return {
            "name": data.name,
            "input_kind": str(data.input_kind),
            "input_shape": list(self.raw_shape),
            "columns": len(data.samples.columns) if isinstance(data.samples, Table) else None,
            "target": data.target.described(),
            "splits": {
                name: {"n": len(index), "classes": _class_counts(data, index)}
                for name, index in self.splits.items()
            },
            "domains": _domain_counts(data),
            "skipped": [{"what": one.what, "why": one.why} for one in data.skipped],
            "licence": data.licence,
            "origin": data.origin,
        }


def _augmentations(recipe: Recipe) -> list[dict[str, Any]]:
    return [{"name": one.name, **one.options} for one in recipe.augment or ()]


def divide_data(data: Data, recipe: Recipe) -> dict[str, Tensor]:
    """The splits that a recipe asks for."""
    asked = {name: getattr(recipe.split, name) for name in SplitPart.model_fields}
    fold = recipe.split.fold
    return divide(data, **asked | {"fold": fold and FoldOf(**fold.model_dump())})


def prepare(data: Data, recipe: Recipe, *, splits: Mapping[str, Tensor]) -> Prepared:
    """Fit encoder and preprocessing on the training split.

    Args:
        data: as it was read.
        recipe: completed.
        splits: of the data.
    """
    samples, encoder = data.samples, None
    if isinstance(samples, Table):
        encoder = TableEncoder.fit(samples, splits["train"])
        samples = InMemory(encoder.encode(samples))
    if recipe.preprocess is None:
        raise must_be("preprocess", "named in a completed recipe", None)
    if recipe.data.cache != "none":
        samples = _cached(samples, recipe.data.cache)
    name, options = recipe.preprocess.name, recipe.preprocess.options
    with naming_options("preprocess", options):
        fitted = preprocessing.create(name, samples=samples, index=splits["train"], **options)
    return Prepared(data, splits, samples, encoder, fitted, workers=recipe.training.workers or 0)


def _cached(samples: Samples, kind: str) -> Samples:
    if not isinstance(samples, PictureFiles):
        raise must_be(
            "data.cache", "none for data that are not picture files too many for the memory", kind
        )
    return samples.with_cache(kind)


def fingerprint(data: Data) -> str:
    """SHA-256 of what was read: inputs where they are in memory, else their names, and targets."""
    digest = hashlib.sha256()
    for part in _parts(data):
        digest.update(part)
    return digest.hexdigest()


def _parts(data: Data) -> Iterator[bytes]:
    samples = data.samples
    if isinstance(samples, InMemory):
        yield repr((tuple(samples.values.shape), samples.values.dtype)).encode()
        yield samples.values.detach().cpu().contiguous().numpy().tobytes()
    elif isinstance(samples, Table):
        for column in samples.columns:
            yield repr((column.name, column.values.tolist())).encode()
    elif isinstance(samples, Items):
        yield repr(data.labels or len(samples)).encode()
    yield repr(data.target.names).encode()
    if data.target.parts:
        yield repr(data.target.described()).encode()
    if data.target.values is not None:
        yield data.target.values.detach().cpu().contiguous().numpy().tobytes()


def _domain_counts(data: Data) -> dict[str, int]:
    if data.domains is None:
        return {}
    counts = data.domains.bincount(minlength=len(data.domain_names)).tolist()
    return dict(zip(data.domain_names, counts, strict=True))


def _class_counts(data: Data, index: Tensor) -> dict[str, int]:
    target = data.target
    if target.values is None:
        return {}
    values = target.values[index]
    if not target.parts:
        return _counted(target, values)
    found: dict[str, int] = {}
    columns = torch.split(values, [part.columns for part in target.parts.values()], dim=1)
    for (task, part), own in zip(target.parts.items(), columns, strict=True):
        there = own[~own.isnan().any(dim=1)]
        of_task = there[:, 0].long() if part.kind in ONE_CLASS else there
        found |= {f"{task}: {name}": count for name, count in _counted(part, of_task).items()}
    return found


def _counted(target: Target, values: Tensor) -> dict[str, int]:
    if target.kind is TargetKind.MULTI_LABEL:
        counts = values.sum(dim=0).long().tolist()
    elif target.kind in ONE_CLASS:
        counts = values.bincount(minlength=len(target.names)).tolist()
    else:
        return {}
    return dict(zip(target.names, counts, strict=True))
