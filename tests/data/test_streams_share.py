"""Processes that divide the batches of a stream see together what one process sees alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from netwright._errors import BadValue
from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory, Items
from netwright.data.source import Position, Share, Source
from netwright.data.streams.held_out import held_out
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.loader import LoaderSource
from netwright.data.streams.several import SeveralSource
from netwright.data.streams.streamed import StreamedSource

PICTURES = torch.randint(
    0, 256, (23, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
)
TARGETS = torch.arange(23)
AUGMENT = [{"name": "flip"}, {"name": "shift"}]


class Listed(Items):
    def __len__(self):
        return len(PICTURES)

    def item(self, index):
        return PICTURES[index]


def noisy(raw):
    return raw.float() + torch.rand(())


OPTIONS = {"index": torch.arange(23), "batch_size": 8, "seed": 3, "preprocess": nn.Identity()}


def in_memory():
    return InMemorySource(InMemory(PICTURES), TARGETS, augment=Augment(AUGMENT, seed=0), **OPTIONS)


def streamed():
    return StreamedSource(
        Listed(), TARGETS, augment=Augment(AUGMENT, seed=0), transform=noisy, workers=0, **OPTIONS
    )


def batches(source: Source, share: Share):
    source.share(share)
    try:
        places = [Position(epoch, step) for epoch in range(2) for step in range(source.length)]
        return [source.next(place) for place in places]
    finally:
        source.close()


@pytest.mark.parametrize("make", [in_memory, streamed])
@pytest.mark.parametrize("processes", [2, 3])
def test_the_shares_of_a_batch_are_the_batch(make, processes):
    whole = batches(make(), Share())
    shares = [batches(make(), Share(rank=rank, of=processes)) for rank in range(processes)]
    assert {len(batch) for batch in whole} == {7, 8}
    for batch, parts in zip(whole, zip(*shares, strict=True), strict=True):
        assert torch.equal(batch.index, torch.cat([part.index for part in parts]))
        assert torch.equal(batch.inputs, torch.cat([part.inputs for part in parts]))
        assert torch.equal(batch.targets, torch.cat([part.targets for part in parts]))
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_several_streams_are_divided_alike():
    source = SeveralSource({"a": in_memory(), "b": streamed()})
    source.share(Share(rank=1, of=2))
    first = source.next(Position(0, 0))
    source.close()
    assert {name: len(batch) for name, batch in first.items()} == {"a": 4, "b": 4}


@pytest.mark.parametrize("make", [in_memory, streamed])
def test_a_batch_with_nothing_for_a_process_is_refused(make):
    make().share(Share(rank=0, of=7))
    with pytest.raises(BadValue, match="batch_size must be at least 8, one example for each"):
        make().share(Share(rank=0, of=8))


def test_a_source_that_can_not_divide_is_refused():
    class Endless(Source):
        length = None

        def next(self, position, act=None):
            raise NotImplementedError

    Endless().share(Share())
    with pytest.raises(BadValue, match="got source='Endless'"):
        Endless().share(Share(rank=0, of=2))


def test_a_foreign_loader_divides_with_its_own_sampler_or_not_at_all():
    examples = TensorDataset(torch.arange(12.0)[:, None], torch.arange(12))
    divided = DistributedSampler(examples, num_replicas=2, rank=1)
    LoaderSource(DataLoader(examples, sampler=divided)).share(Share(rank=1, of=2))
    LoaderSource(DataLoader(examples)).share(Share())
    for loader, share in (
        (DataLoader(examples), Share(rank=1, of=2)),
        (DataLoader(examples, sampler=divided), Share(rank=0, of=2)),
        (DataLoader(examples, sampler=divided), Share(rank=1, of=3)),
    ):
        with pytest.raises(BadValue, match="whose sampler is a DistributedSampler for"):
            LoaderSource(loader).share(share)


def test_held_out_batches_go_round():
    def passed(**options):
        given = held_out(
            InMemory(PICTURES), TARGETS, index=torch.arange(23), batch_size=5,
            preprocess=nn.Identity(), **options,
        )  # fmt: skip
        return [batch.index.tolist() for batch in given]

    every = passed()
    assert passed(share=Share(rank=0, of=2)) == every[::2]
    assert passed(share=Share(rank=1, of=2)) == every[1::2]


@pytest.mark.parametrize(("rank", "of"), [(2, 2), (-1, 2), (0, 0)])
def test_a_share_that_is_none_is_refused(rank, of):
    with pytest.raises(BadValue, match="rank must be from 0 to"):
        Share(rank=rank, of=of)
