import pytest
import torch

from netwright._errors import BadValue
from netwright.data.sampler import batch_bounds, batch_count, batch_index, order
from netwright.data.source import Position


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_only():
    first = order(100, seed=1, epoch=2)
    torch.manual_seed(99)
    assert torch.equal(first, order(100, seed=1, epoch=2))
    assert torch.equal(first.sort().values, torch.arange(100))
    assert not torch.equal(first, order(100, seed=1, epoch=3))
    assert not torch.equal(first, order(100, seed=2, epoch=2))


def test_order_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    order(10, seed=0, epoch=0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("count", [1, 2, 3, 7, 31, 32, 33, 63, 65, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 32, 200])
def test_batches_cover_an_epoch_once_and_are_nearly_of_one_size(count, batch_size):
    batches = batch_count(count, batch_size)
    parts = [
        batch_index(count, batch_size, seed=0, position=Position(0, step))
        for step in range(batches)
    ]
    assert torch.equal(torch.cat(parts), order(count, seed=0, epoch=0))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    if batch_size > 1 and count > 1:
        assert min(sizes) > 1  # batch normalisation can't learn from one
    assert max(sizes) <= max(batch_size, 3 if batch_size == 2 else 0)


def test_number_of_batches_is_what_the_size_asks_for():
    assert batch_count(64, 32) == 2
    assert batch_count(65, 32) == 3
    assert batch_count(3, 2) == 1
    assert [batch_bounds(10, 4, step=step) for step in range(3)] == [(0, 4), (4, 7), (7, 10)]


def test_without_shuffling_the_order_is_the_sets_own_in_every_epoch():
    for epoch in (0, 5):
        index = batch_index(10, 4, seed=0, position=Position(epoch, 1), shuffle=False)
        assert index.tolist() == [4, 5, 6]


def test_epochs_asked_for_in_any_order_agree():
    ask = [Position(3, 1), Position(0, 0), Position(3, 0), Position(3, 1)]
    got = [batch_index(50, 20, seed=4, position=position) for position in ask]
    assert torch.equal(got[0], got[3])
    assert torch.equal(got[2], order(50, seed=4, epoch=3)[:17])


@pytest.mark.parametrize(
    ("count", "batch_size", "step", "name"),
    [(10, 0, 0, "batch_size"), (0, 1, 0, "count"), (10, 5, 2, "step"), (10, 5, -1, "step")],
)
def test_impossible_questions_are_refused(count, batch_size, step, name):
    with pytest.raises(BadValue, match=f"{name} must be"):
        batch_bounds(count, batch_size, step=step)
