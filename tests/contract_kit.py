"""What the contract tests share: listed batches, the loop, and equality of bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright.data.batch import Batch, Streams
from netwright.data.source import Act, Position, Source
from netwright.methods.base import Method
from netwright.train.loop import Loop
from netwright.train.optimizers.build import build_optimizer
from netwright.train.settings import Settings


class Listed(Source):
    """Batches in the order of a list, the same in each epoch."""

    def __init__(self, batches: Sequence[Streams]) -> None:
        self.batches = list(batches)
        self.length = len(self.batches)

    def next(self, position: Position, act: Act | None = None) -> Streams:
        return self.batches[position.step]


def batch(inputs: Any, targets: Any = None, **rest: Any) -> Batch:
    first = inputs
    while not isinstance(first, Tensor):
        first = next(iter(first.values() if isinstance(first, Mapping) else first))
    return Batch(inputs=inputs, targets=targets, index=torch.arange(len(first)), **rest)


def loop_of(
    method: Method,
    sources: Source | Sequence[Streams] | Mapping[str, Source],
    *,
    optimizer: Mapping[str, Any],
    loop: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Loop:
    """A loop; `optimizer` is one set of options, or one for each optimiser's name."""
    if isinstance(sources, Source):
        sources = {"train": sources}
    elif not isinstance(sources, Mapping):
        sources = {"train": Listed(sources)}

    def make(name: str, groups: Sequence[Any]) -> torch.optim.Optimizer:
        options = dict(optimizer.get(name, optimizer))
        return build_optimizer(groups, name=options.pop("name"), **options)

    settings = {"epochs": 1, **settings}
    return Loop(
        method,
        sources,
        make_optimizer=make,
        settings=Settings(**settings),
        **(loop or {}),
    )


def train(method: Method, sources: Any, **options: Any) -> Method:
    """The method, trained by the loop."""
    loop_of(method, sources, **options).run()
    return method


def seed_as_the_loop_does(seed: int = 0) -> None:
    _random.seed_everything(_random.derive(seed, "train"))


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    """Whether all parameters and buffers are equal, bit for bit, and have not become NaN."""
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    assert all(bool(torch.isfinite(value).all()) for value in left.values())
    return all(torch.equal(left[name], right[name]) for name in left)
