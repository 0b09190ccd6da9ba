"""What a step of learning sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["Batch", "Streams", "count_examples", "map_tensors", "split_streams"]


@dataclass(frozen=True)
class Batch:
    """n examples that are learned from together.

    Attributes:
        inputs: a tensor (n, ...) or a tuple, list or mapping of such tensors.
        targets: the same forms, following torchvision's conventions; None where there are none.
        index: (n,) int64, the place of each example in its data set, so that a finding can name it.
        weight: (n,) how much each example counts; None where all count alike.
        mask: (n, ...) True where an entry counts (tokens, pixels); None where all do.
    """

    inputs: Any
    targets: Any
    index: Tensor
    weight: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        return self.index.shape[0]  # len() of a tensor goes through Python

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with `function` applied to every tensor."""
        return Batch(
            inputs=map_tensors(self.inputs, function),
            targets=map_tensors(self.targets, function),
            index=function(self.index),
            weight=None if self.weight is None else function(self.weight),
            mask=None if self.mask is None else function(self.mask),
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The batch on `device`."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def __getitem__(self, rows: slice) -> Batch:
        """Some of the examples, as views; lists of per-example items are cut alike."""
        count = len(self)

        def cut(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value[rows]
            if isinstance(value, Mapping):
                return {key: cut(item) for key, item in value.items()}
            if isinstance(value, tuple):
                parts = [cut(item) for item in value]
                return tuple(parts) if type(value) is tuple else type(value)(*parts)
            if isinstance(value, list):
                per_example = len(value) == count
                return value[rows] if per_example else [cut(item) for item in value]
            return value

        return replace(
            self,
            inputs=cut(self.inputs),
            targets=cut(self.targets),
            index=self.index[rows],
            weight=cut(self.weight),
            mask=cut(self.mask),
        )

    def split(self, size: int) -> list[Batch]:
        """Consecutive micro-batches of at most `size` examples; views, nothing is copied."""
        if len(self) <= size:
            return [self]
        return [self[start : start + size] for start in range(0, len(self), size)]


Streams: TypeAlias = Batch | Mapping[str, Batch]
"""One batch, or one of each named stream (source/target, labelled/unlabelled)."""


def map_tensors(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply `function` to every tensor in tuples, lists and mappings; leave the rest alone."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(item, function) for key, item in value.items()}
    if isinstance(value, torch.Size):
        return value
    if isinstance(value, tuple) and type(value) is not tuple:  # a named one takes its fields apart
        return type(value)(*(map_tensors(item, function) for item in value))
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(item, function) for item in value)
    return value


def count_examples(streams: Streams) -> int:
    """Examples in one batch, or in all streams together."""
    if isinstance(streams, Batch):
        return len(streams)
    return sum(len(batch) for batch in streams.values())


def split_streams(streams: Streams, size: int | None) -> list[Streams]:
    """Micro-batches of one batch, or of several streams side by side.

    Streams of unlike length are cut into the same number of pieces, so that every micro-batch holds
    a share of each.
    """
    if size is None:
        return [streams]
    if isinstance(streams, Batch):
        return list(streams.split(size))
    pieces = max(-(-len(batch) // size) for batch in streams.values())
    if pieces <= 1:
        return [streams]
    bounds = {
        name: [round(piece * len(batch) / pieces) for piece in range(pieces + 1)]
        for name, batch in streams.items()
    }
    return [
        {
            name: batch[bounds[name][piece] : bounds[name][piece + 1]]
            for name, batch in streams.items()
        }
        for piece in range(pieces)
    ]
