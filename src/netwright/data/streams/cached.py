"""Batches of features that a frozen network gave once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.data.batch import Batch, Streams
from netwright.data.sampler import batch_bounds, order
from netwright.data.source import Act, Position, Resume, Share, Source

__all__ = ["CachedFeatures", "Features", "cached_pass"]

IN_MEMORY = 2**31
"""Bytes of all views' features together up to which they are kept in memory, else on disk."""


class Features(NamedTuple):
    """Inputs that have gone through the frozen part of a network already.

    Attributes:
        values: what its last layer sees.
    """

    values: Float[Tensor, "n d"]


class _View(NamedTuple):
    """One view of every example of a split, in the order of the split."""

    features: Tensor
    targets: Tensor | None
    weight: Tensor | None


class CachedFeatures(Source):
    """The features of some augmented views of each example, the epochs taking the views in turn.

    When to use it: all but the last layer is frozen, so that what it sees never changes. View v is
    what the source gives in its epoch v, targets of mixed examples too; it is computed when an
    epoch first asks for it, always by the same batches, so a batch remains a pure function of
    (seed, epoch, step). Epoch e gives view e mod `views` in the order that the source itself would
    have in epoch e.

    Each of several processes computes all of it, and gives its share.

    Args:
        source: of whole inputs; its batches name places of the set.
        features: from a batch's inputs to what the last layer sees.
        index: (m,) places of the split in the set.
        batch_size: examples a step, as the source has it.
        seed: of the order, as the source has it.
        views: kept of each example.
        in_memory: bytes of all views up to which they are kept in memory, else in a file that is
            gone when the process ends.
    """

    resume = Resume.EXACT

    def __init__(
        self,
        source: Source,
        *,
        features: Callable[[Any], Tensor],
        index: Tensor,
        batch_size: int,
        seed: int,
        views: int = 1,
        in_memory: int = IN_MEMORY,
    ) -> None:
        if views < 1:
            raise must_be("views", "at least 1", views)
        if source.resume is not Resume.EXACT or source.length is None:
            raise must_be(
                "source", "one whose batches are a function of the place", type(source).__name__
            )
        self.length = self._batches = source.length
        self._source = source
        self._features = features
        self._index = index.long().cpu()
        self._batch_size = batch_size
        self._seed = seed
        self._in_memory = in_memory
        self._views: list[_View | None] = [None] * views
        self._share = Share()
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def next(self, position: Position, act: Act | None = None) -> Batch:
        """The batch at `position`; `act` is for data that come from acting, which these do not."""
        number = position.epoch % len(self._views)
        view = self._views[number]
        if view is None:
            view = self._views[number] = self._seen(number)
        rows = self._rows_at(position)
        device = view.features.device
        return Batch(
            inputs=Features(view.features[rows.to(device)]),
            targets=_taken(view.targets, rows),
            index=self._index[rows].to(device),
            weight=_taken(view.weight, rows),
        )

    def share(self, share: Share) -> None:
        """See `Source.share`."""
        share.require(smallest=len(self._index) // self._batches)
        self._share = share

    def to(self, device: torch.device) -> None:
        """Move the source; what was kept is computed anew."""
        self._source.to(device)
        self._views = [None] * len(self._views)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def _rows_at(self, position: Position) -> Tensor:
        if position.epoch != self._epoch:
            self._order = order(len(self._index), seed=self._seed, epoch=position.epoch)
            self._epoch = position.epoch
        start, stop = batch_bounds(len(self._index), self._batch_size, step=position.step)
        start, stop = self._share.bounds(start, stop)
        return self._order[start:stop]

    def _seen(self, number: int) -> _View:
        """Everything the source gives in one epoch, in the order of the split."""
        row_of = torch.empty(int(self._index.max()) + 1, dtype=torch.int64)
        row_of[self._index] = torch.arange(len(self._index))
        kept: list[Tensor | None] = [None, None, None]
        for step in range(self._batches):
            batch = _single(self._source.next(Position(number, step)))
            rows = row_of[batch.index.cpu()]
            found = (self._features(batch.inputs).detach(), batch.targets, batch.weight)
            for place, values in enumerate(found):
                if values is not None:
                    whole = kept[place]
                    if whole is None:
                        whole = kept[place] = self._room(values)
                    whole[rows.to(whole.device)] = values.to(whole.device)
        self._source.close()  # what was read ahead belongs to an epoch that nobody asks for
        features, targets, weight = kept
        if features is None:
            raise must_be("source", "one that gives examples", type(self._source).__name__)
        return _View(features, targets, weight)

    def _room(self, values: Tensor) -> Tensor:
        """For all examples: in memory, or in a file without a name."""
        count = len(self._index)
        bytes_of_all = values[:1].numel() * values.element_size() * count * len(self._views)
        if bytes_of_all <= self._in_memory:
            return values.new_empty((count, *values.shape[1:]))
        entries = values[:1].numel() * count
        with tempfile.NamedTemporaryFile(prefix="netwright-features-") as file:
            mapped = torch.from_file(file.name, shared=True, size=entries, dtype=values.dtype)
        return mapped.view(count, *values.shape[1:])


def cached_pass(
    batches: Callable[[], Iterable[Batch]], features: Callable[[Any], Tensor]
) -> Callable[[], Iterator[Batch]]:
    """Passes over held-out examples of which only the first computes the features.

    Args:
        batches: a fresh pass, the same each time.
        features: from a batch's inputs to what the last layer sees.
    """
    kept: list[Batch] = []

    def passes() -> Iterator[Batch]:
        if kept:
            yield from kept
            return
        seen = []
        for batch in batches():
            seen.append(replace(batch, inputs=Features(features(batch.inputs).detach())))
            yield seen[-1]
        kept.extend(seen)

    return passes


def _single(streams: Streams) -> Batch:
    if not isinstance(streams, Batch):
        raise must_be("source", "a source of single batches", sorted(streams))
    return streams


def _taken(values: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if values is None else values[rows.to(values.device)]
