"""Batches of a set that is read while it is learned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from netwright.data.augment.compose import Augment
from netwright.data.batch import Batch
from netwright.data.dataset import Items
from netwright.data.sampler import batch_count, batch_index
from netwright.data.source import Act, Position, Resume, Share, Source
from netwright.data.streams.reading import Reader, Request, Transform

__all__ = ["StreamedSource"]


class StreamedSource(Source):
    """Batches read by workers ahead of the step that needs them.

    When to use it: the raw set doesn't fit in memory (a large folder of pictures), or its items
    come from somebody's Dataset. A batch is a pure function of (seed, epoch, step), and the same
    for any number of workers.

    Args:
        samples: raw inputs of the whole set, read one by one.
        targets: (n, ...) of the whole set; None where there are none.
        index: (m,) places of the split in the set; `Batch.index` names places of the set too.
        batch_size: examples a step, at most (see `sampler.batch_bounds`).
        seed: of the order, and of what is random in an item or in `transform`.
        preprocess: fitted; applied on the device to the stacked inputs. Moved along by `to`.
        transform: applied to each raw input in the worker, random ones included.
        augment: applied on the device to the stacked inputs, and to targets that lie in them;
            partners of what is mixed are of `index`, and are read too.
        shuffle: False keeps the order of `index` in every epoch.
        weight: (n,) how much each example of the whole set counts.
        workers: processes that read; 0 reads in this one.
        ahead: batches prepared ahead by each worker.
    """

    resume = Resume.EXACT

    def __init__(
        self,
        samples: Items,
        targets: Tensor | None,
        *,
        index: Tensor,
        batch_size: int,
        seed: int,
        preprocess: nn.Module,
        transform: Transform | None = None,
        augment: Augment | None = None,
        shuffle: bool = True,
        weight: Tensor | None = None,
        workers: int = 2,
        ahead: int = 2,
    ) -> None:
        self._batches = self.length = batch_count(len(index), batch_size)
        self._targets = targets
        self._index = index.long().cpu()
        self._batch_size = batch_size
        self._seed = seed
        self._preprocess = preprocess
        self._augment = augment
        self._shuffle = shuffle
        self._weight = weight
        self._share = Share()
        self._device = torch.device("cpu")
        self._new_reader = partial(
            Reader, samples, seed=seed, workers=workers, ahead=ahead, transform=transform
        )
        self._reader: Reader | None = None
        self._stacks: Iterator[Tensor] = iter(())
        self._expected: Position | None = None

    def next(self, position: Position, act: Act | None = None) -> Batch:
        """The batch at `position`; out of turn, what was prepared ahead is thrown away."""
        places = self._places_at(position)
        if position != self._expected:
            self._start(position)
        self._expected = None  # stays so if reading fails: the next call starts afresh
        raw = next(self._stacks).to(self._device, non_blocking=True)
        self._expected = self._after(position)
        wanted = self._wanted(places, epoch=position.epoch)
        here = wanted.to(self._device)
        if self._augment is not None and self._augment.mixes:  # what is wanted twice is read once
            once = torch.unique(wanted)
            raw = raw.index_select(0, torch.searchsorted(once, wanted).to(self._device))
        batch = Batch(
            inputs=raw,
            targets=None if self._targets is None else self._targets.index_select(0, here),
            index=here,
            weight=None if self._weight is None else self._weight.index_select(0, here),
        )
        if self._augment is not None:
            apart = self._augment.apart(batch, epoch=position.epoch)
            batch = self._augment.together(apart, epoch=position.epoch)
        return replace(batch, inputs=self._preprocess(batch.inputs))

    def share(self, share: Share) -> None:
        """See `Source.share`; what was read ahead is thrown away."""
        share.require(smallest=len(self._index) // self._batches)
        self.close()
        self._share = share

    def to(self, device: torch.device) -> None:
        """Move targets and preprocessing to `device`; the inputs are sent there by the batch."""
        self.close()
        self._device = torch.device(device)
        self._targets = None if self._targets is None else self._targets.to(device)
        self._weight = None if self._weight is None else self._weight.to(device)
        self._preprocess.to(device)

    def close(self) -> None:
        """End the workers; a later `next` starts new ones."""
        self._expected = None
        self._stacks = iter(())
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _start(self, position: Position) -> None:
        if self._reader is None:
            self._reader = self._new_reader(pinned=self._device.type == "cuda")
        self._stacks = self._reader.read(self._requests_from(position))

    def _requests_from(self, position: Position) -> Iterator[Request]:
        """Without end, so that the first batches of an epoch are prepared during the last one."""
        while True:
            wanted = self._wanted(self._places_at(position), epoch=position.epoch)
            if self._augment is not None and self._augment.mixes:
                wanted = torch.unique(wanted)
            yield Request(position.epoch, tuple(wanted.tolist()))
            position = self._after(position)

    def _wanted(self, places: Tensor, *, epoch: int) -> Tensor:
        """With their partners behind them, where examples are mixed."""
        if self._augment is None:
            return places
        return self._augment.wanted(places, among=self._index, epoch=epoch)

    def _places_at(self, position: Position) -> Tensor:
        places = batch_index(
            len(self._index),
            self._batch_size,
            seed=self._seed,
            position=position,
            shuffle=self._shuffle,
        )
        start, stop = self._share.bounds(0, len(places))
        return self._index[places[start:stop]]

    def _after(self, position: Position) -> Position:
        if position.step + 1 < self._batches:
            return Position(position.epoch, position.step + 1)
        return Position(position.epoch + 1, 0)
