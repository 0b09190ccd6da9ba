"""Each candidate drawn by the law of the space, whatever became of the others."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

from netwright._random import derive
from netwright.tune.search import Space, State, draw_from, state_of

__all__ = ["RandomSearch"]

C = TypeVar("C")


class RandomSearch(Generic[C]):
    """Draw, and never learn.

    When to use it: as the rival of every other search at equal cost, which is often hard to beat;
    and where hundreds of trials can run.

    Paper: Random Search for Hyper-Parameter Optimization, 2012,
        https://jmlr.org/papers/v13/bergstra12a.html

    Args:
        space: from which is drawn.
        seed: of the draws.
    """

    def __init__(self, space: Space[C], *, seed: int = 0) -> None:
        self._space = space
        self._draw = random.Random(derive(seed, "search"))

    def ask(self) -> C:
        """The next draw."""
        return self._space.sample(self._draw)

    def tell(self, candidate: C, score: float) -> None:
        """Nothing is learned from it."""

    def state_dict(self) -> State:
        """Where the draws are."""
        return {"draw": state_of(self._draw)}

    def load_state_dict(self, state: State) -> None:
        """Go on from there."""
        self._draw = draw_from(state["draw"])
