"""Regularised evolution: mutate the best of a few, let the oldest die."""

from __future__ import annotations

import random
from collections import deque
from typing import Generic, TypeVar

from netwright._errors import must_be
from netwright._random import derive
from netwright.tune.search import Space, State, draw_from, state_of

__all__ = ["Evolution"]

C = TypeVar("C")


class Evolution(Generic[C]):
    """A population of the latest candidates; each new one is a mutant of a tournament's winner.

    The first `population` candidates are drawn at random. From then on a few members are drawn,
    with replacement, the best of them is mutated in one place, and when the mutant has its score
    the oldest member is removed, however good it is: what stays is what scores well again and
    again, not what was lucky once.

    Paper: Regularized Evolution for Image Classifier Architecture Search, 2018,
        https://arxiv.org/abs/1802.01548
    Differs: 10 members and tournaments of 3, for some tens of trials; the paper has 100 and 25 for
        20,000.

    Args:
        space: in which is searched.
        seed: of all draws; the first candidates are those of `RandomSearch` with this seed.
        population: how many members, at least 2.
        tournament: how many of them are drawn for a parent; 1 leaves out the selection.
    """

    def __init__(
        self, space: Space[C], *, seed: int = 0, population: int = 10, tournament: int = 3
    ) -> None:
        if population < 2:
            raise must_be("population", "at least 2", population)
        if not 1 <= tournament <= population:
            raise must_be("tournament", f"between 1 and the population ({population})", tournament)
        self._space = space
        self._size, self._tournament = population, tournament
        self._draw = random.Random(derive(seed, "search"))
        self._members: deque[tuple[C, float]] = deque()  # the oldest first

    def ask(self) -> C:
        """A random candidate while the population fills, then a mutant of a winner."""
        if len(self._members) < self._size:
            return self._space.sample(self._draw)
        drawn = [self._draw.choice(self._members) for _ in range(self._tournament)]
        parent, _ = max(drawn, key=lambda member: member[1])
        return self._space.mutate(parent, self._draw)

    def tell(self, candidate: C, score: float) -> None:
        """Take it in; the oldest goes."""
        self._members.append((candidate, score))
        if len(self._members) > self._size:
            self._members.popleft()

    def state_dict(self) -> State:
        """The population, and where the draws are."""
        members = [[candidate, score] for candidate, score in self._members]
        return {"members": members, "draw": state_of(self._draw)}

    def load_state_dict(self, state: State) -> None:
        """Go on from there."""
        self._members = deque((candidate, score) for candidate, score in state["members"])
        self._draw = draw_from(state["draw"])
