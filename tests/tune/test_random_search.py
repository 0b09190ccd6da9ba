"""Random search draws what the space draws, and never learns."""

from __future__ import annotations

from netwright.tune.cell_space import CellSpace
from netwright.tune.random_search import RandomSearch

SPACE = CellSpace(nodes=3)


def asked(search, count, *, score):
    found = []
    for _ in range(count):
        found.append(search.ask())
        search.tell(found[-1], score(found[-1]))
    return found


def test_scores_change_nothing():
    low = asked(RandomSearch(SPACE), 30, score=lambda cell: 0.0)
    assert asked(RandomSearch(SPACE), 30, score=lambda cell: cell.count("skip")) == low
    assert len(set(low)) > 20


def test_the_seed_decides():
    first, again, other = (
        asked(RandomSearch(SPACE, seed=seed), 5, score=len) for seed in (1, 1, 2)
    )
    assert first == again != other
