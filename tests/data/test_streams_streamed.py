import multiprocessing
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

from netwright._errors import BadData, BadValue
from netwright._random import capture
from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory, Items
from netwright.data.source import Position, Resume
from netwright.data.streams.held_out import held_out
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.streamed import StreamedSource

PICTURES = torch.randint(
    0, 256, (40, 1, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
)
TARGETS = torch.arange(40) * 10
SPLIT = torch.arange(39, 4, -2)  # 18 places


class Listed(Items):
    def __init__(self, values, bad=()):
        self.values, self.bad = values, bad

    def __len__(self):
        return len(self.values)

    def item(self, index):
        if index in self.bad:
            raise BadData(f"picture {index} must be readable, got a torn file.")
        return self.values[index]


class Noisy(Listed):
    """Draws from every generator there is, as a foreign Dataset may."""

    def item(self, index):
        noise = torch.rand(()) + np.random.rand() + random.random()
        return self.values[index].float() + noise


def source_of(samples=None, **options):
    options = {"workers": 0, "batch_size": 5, "seed": 0, "preprocess": nn.Identity(), **options}
    return StreamedSource(samples or Listed(PICTURES), TARGETS, index=SPLIT, **options)


def all_of(source, epochs=2):
    try:
        return [
            source.next(Position(epoch, step))
            for epoch in range(epochs)
            for step in range(source.length)
        ]
    finally:
        source.close()


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.index, b.index)
        assert torch.equal(a.targets, b.targets)


def test_streaming_gives_what_memory_gives():
    options = {"batch_size": 5, "seed": 3, "preprocess": nn.Identity(), "weight": TARGETS / 7}
    options["augment"] = Augment([{"name": "shift", "fraction": 0.4}], seed=0)
    memory = InMemorySource(InMemory(PICTURES), TARGETS, index=SPLIT, **options)
    streamed = source_of(**options)
    assert streamed.resume is Resume.EXACT
    one, other = all_of(memory), all_of(streamed)
    assert_same(one, other)
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(one, other, strict=True))


def test_any_number_of_workers_gives_the_same_bytes_also_of_random_items():
    from torchvision.transforms import v2

    transform = v2.Compose([v2.RandomCrop(4), v2.GaussianNoise(sigma=0.5, clip=False)])
    in_process = all_of(source_of(Noisy(PICTURES), transform=transform))
    with_workers = all_of(source_of(Noisy(PICTURES), transform=transform, workers=2))
    assert_same(in_process, with_workers)
    flat = torch.cat([batch.inputs for batch in in_process])
    assert len(flat.unique(dim=0)) == 36  # other noise for each example and epoch


def test_random_items_depend_on_their_place_and_epoch_and_not_on_the_batch():
    noise = {}
    for batch_size in (2, 9):
        for batch in all_of(source_of(Noisy(PICTURES), batch_size=batch_size), epochs=1):
            for place, row in zip(batch.index.tolist(), batch.inputs, strict=True):
                noise.setdefault(place, []).append(row)
    assert all(torch.equal(*rows) for rows in noise.values())
    other_seed = all_of(source_of(Noisy(PICTURES), seed=1), epochs=1)
    place = int(other_seed[0].index[0])
    assert not torch.equal(other_seed[0].inputs[0], noise[place][0])


@pytest.mark.parametrize("workers", [0, 2])
def test_the_stream_can_be_taken_up_anywhere(workers):
    source = source_of(Noisy(PICTURES), workers=workers)
    assert source.length == 4
    straight = {
        (epoch, step): source.next(Position(epoch, step)) for epoch in range(2) for step in range(4)
    }
    for epoch, step in [(1, 2), (1, 3), (0, 1), (0, 1), (0, 2), (1, 0)]:
        assert_same([source.next(Position(epoch, step))], [straight[epoch, step]])
    source.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_reading_leaves_the_random_state_alone(workers):
    before = capture()
    source = source_of(Noisy(PICTURES), workers=workers)
    source.next(Position(0, 0))
    source.next(Position(0, 1))
    source.close()
    after = capture()
    assert torch.equal(before["torch"], after["torch"])
    assert torch.equal(before["numpy"]["keys"], after["numpy"]["keys"])
    assert before["numpy"]["position"] == after["numpy"]["position"]
    assert before["random"] == after["random"]


def test_workers_stay_between_epochs_and_end_when_closed():
    source = source_of(workers=2)
    source.next(Position(0, 0))
    first = {child.pid for child in multiprocessing.active_children()}
    assert len(first) == 2
    for step in range(1, 4):
        source.next(Position(0, step))
    source.next(Position(1, 0))
    source.next(Position(0, 2))  # a roll-back
    assert {child.pid for child in multiprocessing.active_children()} == first
    source.close()
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not multiprocessing.active_children()
    assert torch.equal(
        source.next(Position(0, 0)).index, source_of().next(Position(0, 0)).index
    )  # closed is not the end
    source.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_item_is_one_sentence_and_the_stream_goes_on(workers):
    source = source_of(Listed(PICTURES, bad=(39,)), workers=workers, shuffle=False)
    with pytest.raises(BadData, match=r"^picture 39 must be readable, got a torn file\.$"):
        source.next(Position(0, 0))
    assert source.next(Position(0, 1)).index.tolist() == SPLIT[5:10].tolist()
    source.close()


def test_items_of_several_shapes_are_named():
    items = [torch.zeros(1, 2, 2), torch.zeros(1, 3, 2)]
    source = StreamedSource(
        Listed(items), None, index=torch.arange(2), batch_size=2, seed=0, shuffle=False, workers=0,
        preprocess=nn.Identity(),
    )  # fmt: skip
    with pytest.raises(BadData, match=r"1 is \(1, 3, 2\)"):
        source.next(Position(0, 0))


@pytest.mark.parametrize("option", ["workers", "ahead"])
def test_impossible_options_are_refused(option):
    with pytest.raises(BadValue, match=f"{option} must be at least"):
        source_of(**{option: -1}).next(Position(0, 0))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [InMemory, Listed])
def test_held_out_gives_everything_once_in_order(kind, workers):
    batches = list(
        held_out(
            kind(PICTURES), TARGETS, index=SPLIT, batch_size=8, weight=TARGETS / 7, workers=workers,
            preprocess=nn.Identity(),
        )
    )  # fmt: skip
    assert [len(batch) for batch in batches] == [8, 8, 2]
    index = torch.cat([batch.index for batch in batches])
    assert torch.equal(index, SPLIT)
    assert torch.equal(torch.cat([batch.inputs for batch in batches]), PICTURES[SPLIT])
    assert torch.equal(torch.cat([batch.targets for batch in batches]), TARGETS[SPLIT])
    assert torch.equal(torch.cat([batch.weight for batch in batches]), TARGETS[SPLIT] / 7)


def test_held_out_passes_agree_though_items_are_random():
    def once():
        return list(
            held_out(Noisy(PICTURES), TARGETS, index=SPLIT, batch_size=8, preprocess=nn.Identity())
        )

    assert_same(once(), once())


def test_held_out_of_nothing_is_nothing_and_no_targets_are_none():
    samples = InMemory(PICTURES)
    none = torch.arange(0)
    assert not list(held_out(samples, None, index=none, batch_size=2, preprocess=nn.Identity()))
    (batch,) = held_out(samples, None, index=SPLIT, batch_size=20, preprocess=nn.Flatten())
    assert batch.targets is None
    assert batch.inputs.shape == (18, 30)
    with pytest.raises(BadValue, match="batch_size"):
        next(held_out(samples, None, index=SPLIT, batch_size=0, preprocess=nn.Identity()))
