"""Evolution against a simulation that is written out, under the same draws."""

from __future__ import annotations

import random

import pytest

from netwright._errors import BadValue
from netwright._random import derive
from netwright.tune.cell_space import CellSpace
from netwright.tune.evolution import Evolution
from netwright.tune.random_search import RandomSearch

SPACE = CellSpace()


def toy(cell):
    """Distinct scores almost everywhere; the best is conv-3x3 on every edge."""
    worth = {"zero": 0.0, "skip": 0.31, "pool-3x3": 0.17, "conv-1x1": 0.53, "conv-3x3": 1.0}
    return sum(worth[one] * (1 + place / 10) for place, one in enumerate(cell))


def simulated(count, *, population, tournament, seed):
    """Algorithm 1 of the paper, in the plainest form."""
    draw = random.Random(derive(seed, "search"))
    alive, history = [], []
    while len(history) < count:
        if len(history) < population:
            child = SPACE.sample(draw)
        else:
            best = None
            for _ in range(tournament):
                one = draw.choice(alive)
                if best is None or one[1] > best[1]:
                    best = one
            child = SPACE.mutate(best[0], draw)
        history.append(child)
        alive.append((child, toy(child)))
        if len(alive) > population:
            del alive[0]  # the oldest, not the worst
    return history


@pytest.mark.parametrize(("population", "tournament"), [(2, 1), (5, 2), (10, 3), (8, 8)])
def test_does_what_the_simulation_does(population, tournament):
    search = Evolution(SPACE, seed=4, population=population, tournament=tournament)
    history = []
    for _ in range(80):
        history.append(search.ask())
        search.tell(history[-1], toy(history[-1]))
    assert history == simulated(80, population=population, tournament=tournament, seed=4)


def test_the_oldest_dies_though_it_be_the_best():
    search = Evolution(SPACE, population=3, tournament=3)
    for score in (9.0, 1.0, 2.0, 3.0):
        search.tell(search.ask(), score)
    assert [score for _, score in search.state_dict()["members"]] == [1.0, 2.0, 3.0]


def test_begins_as_random_search_does():
    search, rival = Evolution(SPACE, seed=7, population=6), RandomSearch(SPACE, seed=7)
    for _ in range(6):
        cell = search.ask()
        assert cell == rival.ask()
        search.tell(cell, 0.0)


def test_climbs_where_random_search_does_not():
    def best(search):
        scores = []
        for _ in range(120):
            cell = search.ask()
            scores.append(toy(cell))
            search.tell(cell, scores[-1])
        return max(scores)

    won = sum(
        best(Evolution(SPACE, seed=seed)) > best(RandomSearch(SPACE, seed=seed + 100))
        for seed in range(6)
    )
    assert won >= 5


def test_what_broke_is_no_parent_beside_what_did_not():
    search = Evolution(SPACE, population=2, tournament=2, seed=0)
    good, bad = ("skip",) * 6, ("conv-3x3",) * 6
    search.tell(good, 0.1)
    search.tell(bad, -float("inf"))
    children = []
    for _ in range(20):
        children.append(search.ask())
    near = sum(sum(a != b for a, b in zip(child, good, strict=True)) == 1 for child in children)
    assert near >= 12  # three of four tournaments hold the good one


@pytest.mark.parametrize(
    "options", [{"population": 1}, {"tournament": 0}, {"population": 4, "tournament": 5}]
)
def test_refuses_sizes_that_are_none(options):
    with pytest.raises(BadValue, match=r"population|tournament"):
        Evolution(SPACE, **options)
