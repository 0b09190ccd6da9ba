"""Features that are computed once: the same batches as running the frozen part each epoch."""

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.data.augment.compose import Augment
from netwright.data.batch import Batch
from netwright.data.dataset import InMemory
from netwright.data.source import Position, Share
from netwright.data.streams.cached import CachedFeatures, Features, cached_pass
from netwright.data.streams.in_memory import InMemorySource

COUNT, SEED, SIZE = 23, 4, 5
INDEX = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:COUNT]
PICTURES = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(1))
TARGETS = torch.arange(40) % 3
MOVES = [{"name": "flip"}, {"name": "shift", "fraction": 0.3}]


def source(*names):
    augment = Augment(list(names), seed=SEED, num_classes=3) if names else None
    return InMemorySource(
        InMemory(PICTURES.clone()),
        TARGETS,
        index=INDEX,
        batch_size=SIZE,
        seed=SEED,
        preprocess=nn.Identity(),
        augment=augment,
        weight=torch.arange(40.0),
    )


class Counted:
    """Sums of columns, counting the calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, inputs):
        self.calls += 1
        return inputs.sum((1, 2))


def cached(underlying, features=None, **options):
    return CachedFeatures(
        underlying,
        features=features or Counted(),
        index=INDEX,
        batch_size=SIZE,
        seed=SEED,
        **options,
    )


@pytest.mark.parametrize("names", [[], MOVES, [{"name": "mixup"}]], ids=["plain", "moved", "mixed"])
def test_the_first_epochs_are_those_of_the_source(names):
    kept, whole = cached(source(*names), views=2), source(*names)
    assert kept.length == whole.length == 5
    for epoch in range(2):
        for step in range(5):
            found, wanted = (one.next(Position(epoch, step)) for one in (kept, whole))
            assert isinstance(found.inputs, Features)
            torch.testing.assert_close(found.inputs.values, wanted.inputs.sum((1, 2)))
            for what in ("targets", "index", "weight"):
                assert torch.equal(getattr(found, what), getattr(wanted, what))


def test_later_epochs_take_the_views_in_turn_in_an_order_of_their_own():
    features = Counted()
    kept, whole = cached(source(*MOVES), features, views=2), source(*MOVES)
    view = {}
    for step in range(5):
        batch = whole.next(Position(1, step))
        view |= dict(zip(batch.index.tolist(), batch.inputs.sum((1, 2)), strict=True))
    for step in (3, 0, 4):
        found, order = kept.next(Position(5, step)), whole.next(Position(5, step)).index
        assert torch.equal(found.index, order)
        torch.testing.assert_close(
            found.inputs.values, torch.stack([view[place] for place in order.tolist()])
        )
    assert features.calls == 5  # view 0 was never asked for


def test_a_view_is_computed_once_and_a_file_holds_the_same():
    features = Counted()
    kept, filed = cached(source(), features), cached(source(), in_memory=0)
    for epoch in range(4):
        for step in range(5):
            one, other = (each.next(Position(epoch, step)) for each in (kept, filed))
            assert torch.equal(one.inputs.values, other.inputs.values)
            assert torch.equal(one.targets, other.targets)
    assert features.calls == 5


def test_processes_divide_each_batch():
    whole, parts = cached(source(*MOVES)), [cached(source(*MOVES)) for _ in range(2)]
    for rank, part in enumerate(parts):
        part.share(Share(rank=rank, of=2))
    for step in range(5):
        position = Position(2, step)
        found = torch.cat([part.next(position).inputs.values for part in parts])
        torch.testing.assert_close(found, whole.next(position).inputs.values)


def test_micro_batches_are_features_still():
    batch = cached(source()).next(Position(0, 0))
    pieces = batch.split(2)
    assert all(isinstance(piece.inputs, Features) for piece in pieces)
    assert torch.equal(torch.cat([piece.inputs.values for piece in pieces]), batch.inputs.values)


def test_held_out_examples_are_computed_once():
    features, drawn = Counted(), []

    def batches():
        drawn.append(1)
        index = torch.arange(3)
        yield Batch(inputs=PICTURES[:3], targets=TARGETS[:3], index=index)

    passes = cached_pass(batches, features)
    for _ in range(3):
        (batch,) = passes()
        assert torch.equal(batch.inputs.values, PICTURES[:3].sum((1, 2)))
    assert (features.calls, len(drawn)) == (1, 1)


def test_a_pass_that_was_broken_off_is_begun_anew():
    def batches():
        for place in range(3):
            index = torch.tensor([place])
            yield Batch(inputs=PICTURES[index], targets=TARGETS[index], index=index)

    passes = cached_pass(batches, Counted())
    next(iter(passes()))
    for _ in range(2):
        assert [int(batch.index) for batch in passes()] == [0, 1, 2]


def test_on_another_device_everything_is_computed_anew():
    features = Counted()
    kept = cached(source(), features)
    kept.next(Position(0, 0))
    kept.to(torch.device("cpu"))
    kept.next(Position(0, 0))
    assert features.calls == 10


def test_views_are_at_least_one():
    with pytest.raises(BadValue, match="views must be at least 1"):
        cached(source(), views=0)
