"""Batches of a set that lives as tensors on the device that learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.data.augment.compose import Augment
from netwright.data.batch import Batch
from netwright.data.dataset import InMemory
from netwright.data.sampler import batch_bounds, batch_count, order
from netwright.data.source import Act, Position, Resume, Share, Source

__all__ = ["InMemorySource"]


class InMemorySource(Source):
    """Batches gathered, augmented and preprocessed on the device, without a copy more than one.

    When to use it: whenever the raw set fits in the memory of the device. A batch is a pure
    function of (seed, epoch, step).

    Args:
        samples: raw inputs of the whole set; `to` moves them, for all who hold them.
        targets: (n, ...) of the whole set; None where there are none.
        index: (m,) places of the split in the set; `Batch.index` names places of the set too.
        batch_size: examples a step, at most (see `sampler.batch_bounds`).
        seed: of the order.
        preprocess: fitted; raw inputs to what the network takes. Moved along by `to`.
        augment: applied to the raw pictures.
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
        self.length = batch_count(len(index), batch_size)
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

    def next(self, position: Position, act: Act | None = None) -> Batch:
        """The batch at `position`; `act` is for data that come from acting, which these do not."""
        start, stop = batch_bounds(len(self._index), self._batch_size, step=position.step)
        start, stop = self._share.bounds(start, stop)
        places = self._order_of(position.epoch)[start:stop]
        raw = self._samples.take(places)
        if self._augment is not None:
            raw = self._augment(raw, places, epoch=position.epoch)
        return Batch(
            inputs=self._preprocess(raw),
            targets=None if self._targets is None else self._targets.index_select(0, places),
            index=places,
            weight=None if self._weight is None else self._weight.index_select(0, places),
        )

    def share(self, share: Share) -> None:
        """See `Source.share`."""
        share.require(smallest=len(self._index) // self.length)
        self._share = share

    def to(self, device: torch.device) -> None:
        """Move samples, targets and preprocessing to `device`."""
        self._samples.values = self._samples.values.to(device)
        self._targets = None if self._targets is None else self._targets.to(device)
        self._weight = None if self._weight is None else self._weight.to(device)
        self._index = self._index.to(device)
        self._preprocess.to(device)
        self._epoch = -1

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
