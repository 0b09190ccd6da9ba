"""What it costs to read, augment and preprocess a batch, each by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from netwright.data.dataset import InMemory, Items
from netwright.data.source import Position, Source
from netwright.data.streams.in_memory import MOST_STEPS, InMemorySource
from netwright.runs.recipe import Recipe
from netwright.workflow.prepare import Prepared
from netwright.workflow.timing.stopwatch import waiting_for

__all__ = ["BatchCosts", "batch_costs"]

_ROUNDS = 15
_READ = 256  # items read to be augmented and preprocessed
_PATIENCE = 3.0  # seconds spent on reading


@dataclass(frozen=True, kw_only=True)
class BatchCosts:
    """Seconds a batch, the device waited for.

    Attributes:
        whole: to gather, augment and preprocess what is in memory.
        augment: what augmentation adds to it.
        preprocess: what preprocessing adds.
        reading: to read the items of a batch in one process; None where none are read.
    """

    whole: float = 0.0
    augment: float = 0.0
    preprocess: float = 0.0
    reading: float | None = None


def batch_costs(prepared: Any, recipe: Recipe, *, device: torch.device) -> BatchCosts:
    """Measured on real examples, with and without each part in turn.

    Args:
        prepared: data set or loaders; what loaders do is theirs, and not taken apart.
        recipe: completed.
        device: that learns.
    """
    if not isinstance(prepared, Prepared):
        return BatchCosts()
    whole, plain, bare = _in_turn(_sources(prepared, recipe, device=device), device=device)
    if prepared.augmentation(recipe) is None:
        whole = plain = min(whole, plain)  # they are the same, and differ by chance
    reading = None
    if isinstance(prepared.samples, Items):
        reading = max(_reading(prepared, recipe, device=device) - (whole - bare), 0.0)
    return BatchCosts(
        whole=whole,
        augment=max(whole - plain, 0.0),
        preprocess=max(plain - bare, 0.0),
        reading=reading,
    )


def _sources(prepared: Prepared, recipe: Recipe, *, device: torch.device) -> list[Source]:
    """All of it, without augmentation, and without preprocessing too; from memory."""
    train = prepared.splits["train"]
    if isinstance(prepared.samples, Items):
        samples = InMemory(prepared.samples.take(train[:_READ]))
        # one batch, because what is read is augmented a batch at a time
        index = torch.arange(min(len(samples), recipe.training.batch_size or len(samples)))
    else:
        samples, index = InMemory(prepared.samples.take(train)), torch.arange(len(train))

    def source(preprocess: nn.Module, *, augments: bool) -> Source:
        made = InMemorySource(
            samples,
            None,
            index=index,
            batch_size=min(recipe.training.batch_size or len(index), len(index)),
            seed=recipe.seed,
            preprocess=preprocess,
            augment=prepared.augmentation(recipe) if augments else None,
        )
        made.to(device)
        return made

    return [
        source(prepared.preprocess, augments=True),
        source(prepared.preprocess, augments=False),
        source(nn.Identity(), augments=False),
    ]


def _in_turn(sources: Sequence[Source], *, device: torch.device) -> list[float]:
    """Median seconds a batch of each; in turn, so that whatever else goes on meets all alike."""
    taken: list[list[float]] = [[] for _ in sources]
    wait = waiting_for(device)
    for round_ in range(_ROUNDS):
        for source, seconds in zip(sources, taken, strict=True):
            seconds.append(_seconds_a_batch(source, round_, wait))
    return [statistics.median(seconds[1:]) for seconds in taken]


def _seconds_a_batch(source: Source, round_: int, wait: Callable[[], None]) -> float:
    """Of batches that follow each other, just those that a source in memory makes in one go."""
    length = source.length or 1
    first = round_ % max(length // MOST_STEPS, 1) * MOST_STEPS
    steps = range(first, min(first + MOST_STEPS, length))

    def through() -> None:
        for step in steps:
            source.next(Position(0, step))

    return _seconds(through, wait) / len(steps)


def _reading(prepared: Prepared, recipe: Recipe, *, device: torch.device) -> float:
    """Median seconds of a batch that is read in this process, augmented and preprocessed."""
    source = replace(prepared, workers=0).train_source(recipe)
    source.to(device)
    wait = waiting_for(device)
    seconds: list[float] = []
    try:
        for step in range(min(source.length or 1, _ROUNDS)):
            seconds.append(_seconds(lambda: source.next(Position(0, step)), wait))  # noqa: B023
            if sum(seconds) > _PATIENCE:
                break
    finally:
        source.close()
    return statistics.median(seconds)


def _seconds(work: Callable[[], object], wait: Callable[[], None]) -> float:
    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began
