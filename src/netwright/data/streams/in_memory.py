"""Batches of a set that lives as tensors on the device that learns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.data.augment.compose import Augment
from netwright.data.augment.follow import lie_in_pictures
from netwright.data.augment.move import Framed, Movable
from netwright.data.batch import Batch
from netwright.data.dataset import InMemory
from netwright.data.sampler import batch_bounds, batch_count, order
from netwright.data.source import Act, Position, Resume, Share, Source

__all__ = ["InMemorySource"]


KEPT_WHOLE = 2**29
"""Bytes that a set of pictures may take, mirrored and with borders, so as to be moved quickly."""

AT_ONCE = 2**21
"""Bytes of raw inputs, at most, that are gathered and augmented in one go beyond a single batch."""

MOST_STEPS = 16
"""Batches, at most, that are made in one go; more gain nothing."""


class InMemorySource(Source):
    """Batches gathered, augmented and preprocessed on the device that learns.

    When to use it: whenever the raw set fits in the memory of the device. A batch is a pure
    function of (seed, epoch, step).

    Several steps' inputs are gathered and augmented in one go, because with small batches the calls
    cost more than the work. They begin at fixed steps, so that what is made together does not
    depend on where a run was taken up.

    Args:
        samples: raw inputs of the whole set; `to` moves them, for all who hold them.
        targets: (n, ...) of the whole set; None where there are none.
        index: (m,) places of the split in the set; `Batch.index` names places of the set too.
        batch_size: examples a step, at most (see `sampler.batch_bounds`).
        seed: of the order.
        preprocess: fitted; raw inputs to what the network takes. Moved along by `to`.
        augment: applied to the raw pictures, and to targets that lie in them; partners of what is
            mixed are of `index`.
        shuffle: False keeps the order of `index` in every epoch.
        weight: (n,) how much each example of the whole set counts.
    """

    resume = Resume.EXACT

    def __init__(
        self,
        samples: InMemory,
        targets: Tensor | None,
        *,
        index: Tensor,
        batch_size: int,
        seed: int,
        preprocess: nn.Module,
        augment: Augment | None = None,
        shuffle: bool = True,
        weight: Tensor | None = None,
    ) -> None:
        self._batches = self.length = batch_count(len(index), batch_size)
        self._samples = samples
        self._targets = targets
        self._index = index.long()
        self._batch_size = batch_size
        self._seed = seed
        self._preprocess = preprocess
        self._augment = augment
        self._shuffle = shuffle
        self._weight = weight
        self._share = Share()
        self._epoch = -1
        self._places = self._index
        self._whole: Movable | Framed | None = None
        self._looked = False
        self._waiting: Iterator[_Ready] = iter(())
        self._expected: Position | None = None
        self._together = _steps_together(samples.values, batch_size)

    def next(self, position: Position, act: Act | None = None) -> Batch:
        """The batch at `position`; `act` is for data that come from acting, which these do not."""
        # each is handed out once, because it is the caller's to change
        ready = next(self._waiting, None) if position == self._expected else None
        if ready is None:
            self._waiting = self._prepare(position)
            ready = next(self._waiting)
        self._expected = Position(position.epoch, position.step + 1)
        return Batch(
            inputs=self._preprocess(ready.raw),
            targets=ready.targets,
            index=ready.places,
            weight=ready.weight,
        )

    def share(self, share: Share) -> None:
        """See `Source.share`."""
        share.require(smallest=len(self._index) // self._batches)
        self._share = share
        self._expected = None

    def to(self, device: torch.device) -> None:
        """Move samples, targets and preprocessing to `device`."""
        self._samples.values = self._samples.values.to(device)
        self._targets = None if self._targets is None else self._targets.to(device)
        self._weight = None if self._weight is None else self._weight.to(device)
        self._index = self._index.to(device)
        self._preprocess.to(device)
        self._epoch = -1
        self._expected = None
        self._whole, self._looked = None, False

    def _prepare(self, position: Position) -> Iterator[_Ready]:
        """The batch at `position` and those after it that are made together with it."""
        if not 0 <= position.step < self._batches:
            raise must_be(
                "step", f"from 0 to {self._batches - 1}, the batches of an epoch", position.step
            )
        first = position.step // self._together * self._together
        last = min(first + self._together, self._batches)
        pieces = [self._places_at(position.epoch, step) for step in range(first, last)]
        made = self._made(torch.cat(pieces), epoch=position.epoch)
        sizes = [len(piece) for piece in pieces]
        parts = (
            [None] * len(sizes) if values is None else torch.split(values, sizes)
            for values in (made.inputs, made.targets, made.index, made.weight)
        )
        return itertools.islice(map(_Ready, *parts), position.step - first, None)

    def _made(self, places: Tensor, *, epoch: int) -> Batch:
        """The examples at `places`, augmented; with partners where they are mixed."""
        augment = self._augment
        if augment is None:
            return self._gathered(self._samples.take(places), places)
        wanted = augment.wanted(places, among=self._index, epoch=epoch)
        whole = self._moved_quickly(augment)
        if whole is None:
            apart = augment.apart(self._gathered(self._samples.take(wanted), wanted), epoch=epoch)
        else:
            apart = self._gathered(augment.take(whole, wanted, epoch=epoch), wanted)
        return augment.together(apart, epoch=epoch)

    def _gathered(self, raw: Tensor, places: Tensor) -> Batch:
        targets, weight = (
            None if values is None else values.index_select(0, places)
            for values in (self._targets, self._weight)
        )
        return Batch(raw, targets, places, weight)

    def _moved_quickly(self, augment: Augment) -> Movable | Framed | None:
        """The whole set to be moved while gathered, where no target has to be moved with it."""
        if not self._looked:
            self._looked, values = True, self._samples.values
            if values.dim() == 4 and not lie_in_pictures(self._targets):
                self._whole = augment.whole(values, at_most=KEPT_WHOLE)
            if isinstance(self._whole, Movable):  # holds them too: not twice
                self._samples.values = self._whole.rows[: len(values)]
        return self._whole

    def _places_at(self, epoch: int, step: int) -> Tensor:
        start, stop = batch_bounds(len(self._index), self._batch_size, step=step)
        start, stop = self._share.bounds(start, stop)
        return self._order_of(epoch)[start:stop]

    def _order_of(self, epoch: int) -> Tensor:
        if epoch < 0:
            raise must_be("epoch", "at least 0", epoch)
        if not self._shuffle:
            return self._index
        if epoch != self._epoch:
            sequence = order(len(self._index), seed=self._seed, epoch=epoch)
            self._places = self._index[sequence.to(self._index.device)]
            self._epoch = epoch
        return self._places


class _Ready(NamedTuple):
    """A batch that lacks nothing but the preprocessing of its inputs."""

    raw: Tensor
    targets: Tensor | None
    places: Tensor
    weight: Tensor | None


def _steps_together(values: Tensor, batch_size: int) -> int:
    """How many batches are made in one go: a constant of the set, never of the moment."""
    of_one = max(1, values[:1].numel() * values.element_size() * batch_size)
    return max(1, min(MOST_STEPS, AT_ONCE // of_one))
