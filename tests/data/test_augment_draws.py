import numpy as np
import pytest
import torch
from scipy import stats

from netwright.data.augment.draws import Draws, uniform

INDEX = torch.arange(20_000)


def splitmix64(state: int) -> int:
    """The published generator's output function, in Python's own integers."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_the_reference_is_splitmix64():
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the published first output for seed 0


def test_draws_are_the_outputs_of_splitmix64():
    from netwright._random import derive

    start = derive(5, "draw", 2, "name")
    got = uniform(torch.tensor([0, 1, 77]), seed=5, epoch=2, name="name")
    for index, value in zip([0, 1, 77], got.tolist(), strict=True):
        bits = splitmix64((start + index * 0x9E3779B97F4A7C15) % 2**64)
        assert value == (bits >> 40) / 2**24


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_uniform_is_uniform(epoch):
    values = uniform(INDEX, seed=0, epoch=epoch, name="angle").numpy()
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_neighbours_epochs_names_and_seeds_are_independent():
    one = uniform(INDEX, seed=0, epoch=0, name="a").numpy()
    for other in (
        np.roll(one, 1),
        np.roll(one, 2),
        uniform(INDEX, seed=0, epoch=1, name="a").numpy(),
        uniform(INDEX, seed=1, epoch=0, name="a").numpy(),
        uniform(INDEX, seed=0, epoch=0, name="b").numpy(),
    ):
        assert stats.pearsonr(one, other).pvalue > 1e-3
        # also beyond correlation: the pairs fill the square
        counts, _, _ = np.histogram2d(one, other, bins=10)
        assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_an_example_draws_the_same_in_any_batch_and_leaves_the_state_alone():
    before = torch.get_rng_state()
    whole = uniform(INDEX, seed=0, epoch=3)
    for places in (torch.tensor([5]), torch.tensor([19_999, 5, 5, 0])):
        assert torch.equal(uniform(places, seed=0, epoch=3), whole[places])
    assert torch.equal(before, torch.get_rng_state())


def test_scopes_are_apart_and_integers_are_even():
    draws = Draws(index=INDEX, seed=0, epoch=0, scope="0/shift")
    other = Draws(index=INDEX, seed=0, epoch=0, scope="1/shift")
    assert not torch.equal(draws.uniform("x"), other.uniform("x"))
    steps = draws.integer("x", most=2)
    counts = (steps + 2).bincount()
    assert len(counts) == 5
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    ranged = draws.uniform("x", low=-3, high=-1)
    torch.testing.assert_close(ranged, draws.uniform("x") * 2 - 3)
    assert (draws.integer("x", most=0) == 0).all()


def test_many_names_at_once_are_the_numbers_of_each():
    draws = Draws(index=INDEX[:50], seed=4, epoch=2, scope="0/crop")
    many = draws.uniforms(["a", "b"], low=-1, high=3)
    assert torch.equal(many[0], draws.uniform("a", low=-1, high=3))
    assert torch.equal(many[1], draws.uniform("b", low=-1, high=3))


def test_numbers_drawn_for_a_whole_pass_are_the_same():
    places = torch.tensor([5, 0, 5, 99])
    for name, epoch in (("a", 0), ("b", 0), ("a", 1)):
        one = Draws(index=places, seed=4, epoch=epoch, scope="0/x")
        kept = Draws(index=places, seed=4, epoch=epoch, scope="0/x", examples=100)
        for _ in range(2):
            assert torch.equal(one.uniform(name, low=1, high=2), kept.uniform(name, low=1, high=2))
            assert torch.equal(one.integer(name, most=3), kept.integer(name, most=3))
