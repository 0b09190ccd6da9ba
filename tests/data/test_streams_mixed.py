"""Mixed examples, and targets that lie in pictures, through the streams."""

import pytest
import torch
from torch import nn

from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory, Items
from netwright.data.source import Position, Share
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.streamed import StreamedSource

GENERATOR = torch.Generator().manual_seed(1)
PICTURES = torch.randint(0, 256, (40, 3, 8, 10), dtype=torch.uint8, generator=GENERATOR)
CLASSES = torch.arange(40) % 5
SPLIT = torch.arange(3, 40, 2)
MIXED = [
    [{"name": "flip"}, {"name": "mixup", "alpha": 1.0}],
    [{"name": "random-crop"}, {"name": "elastic"}, {"name": "cutmix"}, {"name": "cutout"}],
    [{"name": "mixup", "probability": 0.4}],
]


class Listed(Items):
    """Notes what is read."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return len(PICTURES)

    def item(self, index):
        self.read.append(index)
        return PICTURES[index]


def source(kind, recipe, *, targets=CLASSES, workers=0, samples=None, **more):
    options = {"index": SPLIT, "batch_size": 8, "seed": 3, "preprocess": nn.Identity(), **more}
    augment = Augment(recipe, seed=3, num_classes=5)
    if kind == "streamed":
        return StreamedSource(
            samples or Listed(), targets, augment=augment, workers=workers, **options
        )
    return InMemorySource(InMemory(PICTURES.clone()), targets, augment=augment, **options)


def batches(made, share=None):
    made.share(share or Share())
    try:
        return [
            made.next(Position(epoch, step)) for epoch in range(2) for step in range(made.length)
        ]
    finally:
        made.close()


def same(one, other):
    assert torch.equal(one.index, other.index)
    torch.testing.assert_close(one.targets, other.targets)
    assert (one.inputs.float() - other.inputs.float()).abs().max() <= 1
    if one.weight is not None:
        torch.testing.assert_close(one.weight, other.weight)


@pytest.mark.parametrize("recipe", MIXED)
def test_every_way_to_the_data_gives_the_same_mixtures(recipe):
    weight = torch.rand(40)
    expected = batches(source("memory", recipe, weight=weight))
    for workers in (0, 2):
        got = batches(source("streamed", recipe, workers=workers, weight=weight))
        for one, other in zip(got, expected, strict=True):
            same(one, other)
    soft = torch.cat([batch.targets for batch in expected])
    assert len(soft) == sum(len(batch) for batch in expected) > 20
    assert (soft.amax(1) < 1 - 1e-6).any()


@pytest.mark.parametrize("kind", ["memory", "streamed"])
def test_processes_see_together_what_one_sees(kind):
    expected = batches(source(kind, MIXED[1]))
    parts = [batches(source(kind, MIXED[1]), Share(rank=rank, of=2)) for rank in range(2)]
    for whole, *pieces in zip(expected, *parts, strict=True):
        assert torch.equal(whole.index, torch.cat([piece.index for piece in pieces]))
        torch.testing.assert_close(whole.targets, torch.cat([piece.targets for piece in pieces]))
        joined = torch.cat([piece.inputs for piece in pieces])
        assert (whole.inputs.float() - joined.float()).abs().max() <= 1


@pytest.mark.parametrize("kind", ["memory", "streamed"])
def test_out_of_turn_it_is_the_same_to_the_bit(kind):
    expected = batches(source(kind, MIXED[1]))
    late = source(kind, MIXED[1])
    got = late.next(Position(1, 1))
    late.close()
    assert torch.equal(got.inputs, expected[late.length + 1].inputs)
    assert torch.equal(got.targets, expected[late.length + 1].targets)


def test_partners_are_of_the_split_and_what_is_not_mixed_is_read_once():
    samples = Listed()
    made = source("streamed", MIXED[2], samples=samples)
    first = made.next(Position(0, 0))
    made.close()
    read = samples.read[: len(set(samples.read))]
    assert set(samples.read) <= set(SPLIT.tolist())
    alone = int((first.targets.amax(1) == 1).sum())
    assert alone > 2
    assert len(first) <= len(read) <= 2 * len(first) * 3  # a few batches ahead at most
    wanted = Augment(MIXED[2], seed=3).wanted(first.index, among=SPLIT, epoch=0).unique()
    assert sorted(samples.read[: len(wanted)]) == wanted.tolist()


@pytest.mark.parametrize("kind", ["memory", "streamed"])
@pytest.mark.parametrize("name", ["flip", "random-crop", "affine", "cutmix"])
def test_masks_follow_their_pictures(kind, name):
    """The masks are the pictures themselves, so both have to come out alike."""
    numbers = PICTURES[:, 0].long()
    made = source(kind, [{"name": name}], targets=numbers)
    for batch in batches(made):
        if name == "affine":  # bilinear beside nearest
            assert (batch.inputs[:, 0] - batch.targets).float().abs().median() < 60
            assert not torch.equal(batch.targets, numbers[batch.index])
        else:
            assert torch.equal(batch.inputs[:, 0].long(), batch.targets)
