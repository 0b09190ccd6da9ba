"""Batches to judge by: everything once, in order."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.data.batch import Batch
from netwright.data.dataset import Items, Samples
from netwright.data.source import Share
from netwright.data.streams.reading import Reader, Request

__all__ = ["held_out"]


def held_out(
    samples: Samples,
    targets: Tensor | None,
    *,
    index: Tensor,
    batch_size: int,
    preprocess: nn.Module,
    device: torch.device | str = "cpu",
    weight: Tensor | None = None,
    workers: int = 0,
    share: Share | None = None,
) -> Iterator[Batch]:
    """Every example of a split once, in the order of `index`; the last batch may be smaller.

    An item that draws random numbers draws the same in every pass, so figures can be compared.

    Args:
        samples: raw inputs of the whole set.
        targets: (n, ...) of the whole set; None where there are none.
        index: (m,) places of the split.
        batch_size: examples a batch.
        preprocess: fitted; on `device`.
        device: where the batches are wanted.
        weight: (n,) how much each example of the whole set counts.
        workers: processes that read items; samples in memory need none.
        share: gives every n-th batch only, the first being that of this rank; None gives all.
    """
    if batch_size < 1:
        raise must_be("batch_size", "at least 1", batch_size)
    pieces = torch.split(index.long(), batch_size) if len(index) else ()
    if share is not None:
        pieces = pieces[share.rank :: share.of]
    stacks = _read(samples, pieces, workers) if isinstance(samples, Items) else map(
        samples.take, pieces
    )  # fmt: skip
    for places, raw in zip(pieces, stacks, strict=True):
        yield Batch(
            inputs=preprocess(raw.to(device, non_blocking=True)),
            targets=_rows(targets, places, device),
            index=places.to(device),
            weight=_rows(weight, places, device),
        )


def _read(samples: Items, pieces: tuple[Tensor, ...], workers: int) -> Iterator[Tensor]:
    reader = Reader(samples, seed=0, workers=workers)
    try:
        yield from reader.read(Request(0, tuple(places.tolist())) for places in pieces)
    finally:
        reader.close()


def _rows(values: Tensor | None, places: Tensor, device: torch.device | str) -> Tensor | None:
    if values is None:
        return None
    return values.index_select(0, places.to(values.device)).to(device, non_blocking=True)
