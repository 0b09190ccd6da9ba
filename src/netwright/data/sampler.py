"""Which examples a step sees: the order of an epoch, and where its batches begin and end."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Int
from torch import Tensor

from netwright._errors import must_be
from netwright._random import generator
from netwright.data.source import Position

__all__ = ["batch_bounds", "batch_count", "batch_index", "order"]


def order(count: int, *, seed: int, epoch: int) -> Int[Tensor, "n"]:
    """The places 0 … count−1 in the order of one pass: a pure function of its arguments.

    Example:
        >>> sorted(order(4, seed=0, epoch=7).tolist())
        [0, 1, 2, 3]
    """
    return torch.randperm(count, generator=generator(seed, "order", epoch))


def batch_count(count: int, batch_size: int) -> int:
    """How many batches one pass over `count` examples has.

    Batches of one are avoided where they can be (two at a time, an odd count: the last batch has
    three), because batch normalisation can't learn from a single example.
    """
    if batch_size < 1:
        raise must_be("batch_size", "at least 1", batch_size, "32 suits most small networks.")
    if count < 1:
        raise must_be("count", "at least 1", count, "There is no example to learn from.")
    batches = -(-count // batch_size)
    leaves_one = batch_size > 1 and batches > 1 and count // batches < 2
    return batches - 1 if leaves_one else batches


def batch_bounds(count: int, batch_size: int, *, step: int) -> tuple[int, int]:
    """Where the batch of `step` begins and ends in the order of the epoch.

    The examples are spread evenly over as many batches as `batch_size` asks for: sizes differ by
    one at most, the larger first. So no example is dropped, and no step has the same say as the
    others on a small remainder.

    Example:
        >>> [batch_bounds(65, 32, step=step) for step in range(3)]
        [(0, 22), (22, 44), (44, 65)]
    """
    batches = batch_count(count, batch_size)
    if not 0 <= step < batches:
        raise must_be("step", f"from 0 to {batches - 1}, the batches of an epoch", step)
    size, larger = divmod(count, batches)
    return step * size + min(step, larger), (step + 1) * size + min(step + 1, larger)


def batch_index(
    count: int, batch_size: int, *, seed: int, position: Position, shuffle: bool = True
) -> Int[Tensor, "n"]:
    """The places a batch takes: a view of the epoch's order, which is kept between steps.

    Args:
        count: examples to choose from.
        batch_size: how many a step sees at most (see `batch_bounds`).
        seed: of the order.
        position: which pass and which batch of it.
        shuffle: False keeps the examples in their own order.
    """
    start, stop = batch_bounds(count, batch_size, step=position.step)
    if not shuffle:
        return torch.arange(start, stop)
    return _kept_order(count, seed, position.epoch)[start:stop]


@lru_cache(maxsize=8)
def _kept_order(count: int, seed: int, epoch: int) -> Tensor:
    return order(count, seed=seed, epoch=epoch)
