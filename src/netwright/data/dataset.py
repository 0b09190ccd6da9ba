"""A data set before it is cut into splits and batches: raw inputs, targets, and what is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadData

__all__ = [
    "ONE_CLASS",
    "Data",
    "InMemory",
    "InputKind",
    "Items",
    "Samples",
    "Skipped",
    "Stacks",
    "Target",
]
__all__ += ["TargetKind"]


class InputKind(StrEnum):
    """What an example is."""

    IMAGE = "image"  # (c, h, w), uint8 while raw
    TABLE = "table"  # a row of named columns
    TENSOR = "tensor"  # any other fixed shape


class TargetKind(StrEnum):
    """What is asked for; the output unit and the loss follow from it."""

    BINARY = "binary"
    CLASSES = "classes"
    MULTI_LABEL = "multi-label"
    ORDINAL = "ordinal"
    COUNTS = "counts"
    REAL = "real"
    QUANTILES = "quantiles"
    BINS = "bins"
    SEVERAL = "several"
    NONE = "none"


ONE_CLASS = frozenset({TargetKind.BINARY, TargetKind.CLASSES, TargetKind.ORDINAL})
"""Kinds whose target is a place in a list of classes."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The targets of a whole data set.

    Several targets of an example, each of a kind of its own, lie side by side in one float32 tensor
    in the order of `parts`, a class as its place; NaN in the columns of a part where an example has
    no such target. So every source, split and record carries them as it carries any others.

    Attributes:
        kind: what they are.
        names: class names, label names or target columns; their count is the number of outputs a
            reader thinks in (2 for binary). The tasks' names for several.
        values: (n,) int64 for binary, classes and ordinal; (n, k) float32 of 0 and 1 for
            multi-label; (n, columns) float32 for several; (n,) or (n, t) float32 for the rest. None
            where there are no targets.
        parts: for several: what each is, without its values.
    """

    kind: TargetKind
    names: tuple[str, ...] = ()
    values: Tensor | None = None
    parts: Mapping[str, Target] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        """How many numbers an example's target takes."""
        if self.kind is TargetKind.SEVERAL:
            return sum(part.columns for part in self.parts.values())
        return 1 if self.kind in ONE_CLASS else max(1, len(self.names))

    def described(self) -> dict[str, Any]:
        """Kind and names as plain data; `parts` where there are several."""
        told: dict[str, Any] = {"kind": str(self.kind), "names": list(self.names)}
        if self.parts:
            told["parts"] = {name: part.described() for name, part in self.parts.items()}
        return told


class Samples(ABC):
    """Raw inputs that can be taken by index."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, index: Tensor) -> Tensor:
        """The raw inputs at (n,) `index`, stacked: (n, ...)."""


class InMemory(Samples):
    """Raw inputs that live in one tensor, on the device that learns."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Tensor) -> Tensor:
        """Gather rows; the index is brought to where the values are."""
        return self.values.index_select(0, index.to(self.values.device))


class Items(Samples):
    """Raw inputs that are read one by one, when they are needed (files, a foreign Dataset)."""

    @abstractmethod
    def item(self, index: int) -> Tensor:
        """One raw input; called in worker processes."""

    def take(self, index: Tensor) -> Tensor:
        """Read them one after another."""
        return torch.stack([self.item(int(place)) for place in index])


class Stacks(Items):
    """Items that are read and augmented a batch at a time, each a function of (place, epoch)."""

    @abstractmethod
    def stack(self, places: Sequence[int], *, epoch: int) -> Tensor:
        """The inputs at `places`; called in worker processes."""


@dataclass(frozen=True)
class Skipped:
    """An example that was left out, and why."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Data:
    """Raw examples with everything that is known of them.

    Attributes:
        name: short, fit for a run's name ("digits").
        samples: the raw inputs, n of them.
        input_kind: what an example is.
        target: the targets, aligned with the samples.
        splits: index of each given split, by name ("train", "val", "test"); empty where the set
            comes in one piece.
        groups: (n,) int64; examples of one group must not be divided between splits.
        times: (n,) float64; a temporal split puts the later ones last.
        domains: (n,) int64 place in `domain_names`.
        domain_names: for named domains.
        labels: a word for each example (file name, row number), for findings and reports.
        skipped: what was left out because it could not be used.
        licence: of the data, in words.
        origin: where it came from, in words.
    """

    name: str
    samples: Samples
    input_kind: InputKind
    target: Target
    splits: Mapping[str, Tensor] = field(default_factory=dict)
    groups: Tensor | None = None
    times: Tensor | None = None
    domains: Tensor | None = None
    domain_names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    licence: str = ""
    origin: str = ""

    def __post_init__(self) -> None:
        count = len(self.samples)
        for what, values in (
            ("targets", self.target.values),
            ("groups", self.groups),
            ("times", self.times),
            ("domains", self.domains),
            ("labels", self.labels or None),
        ):
            if values is not None and len(values) != count:
                raise BadData(
                    f"{what} must be as many as the samples, got {len(values)} {what} for {count} "
                    "samples. Check that both were read from the same file and in the same order."
                )

    def __len__(self) -> int:
        return len(self.samples)
