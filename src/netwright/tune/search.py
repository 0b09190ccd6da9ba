"""The contract of a search: it is asked what to try, and told how well that did."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from netwright.train.snapshot_file import State

__all__ = ["BROKEN", "Listed", "Search", "Space", "State", "draw_from", "state_of"]

BROKEN = -math.inf
"""Score of a candidate that could not be trained or judged."""

C = TypeVar("C")


class Search(Protocol[C]):
    """What tries to find a candidate of a high score.

    A candidate is plain data: a tuple of operations, a mapping of settings. Each that was asked for
    is told before the next is asked for. Every random draw comes from the search's own generators,
    which its state holds: put back, it goes on exactly as if it had never stopped.
    """

    def ask(self) -> C:
        """The candidate to try next."""
        ...

    def tell(self, candidate: C, score: float) -> None:
        """Learn how well a candidate did: higher is better, `BROKEN` where nothing came of it."""
        ...

    def state_dict(self) -> State:
        """Everything that decides what is asked for from now on: plain data and tensors."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Go on from a state."""
        ...


class Space(Protocol[C]):
    """What there is to choose from, for searches that need no more than this."""

    def sample(self, draw: random.Random) -> C:
        """A candidate by the law of the space."""
        ...

    def mutate(self, candidate: C, draw: random.Random) -> C:
        """A candidate that differs in one place."""
        ...

    def key(self, candidate: C) -> str:
        """A text that candidates share when trying one of them tells of the other."""
        ...


class Listed(Space[C], Protocol[C]):
    """A space whose candidates are so many choices, each among so many."""

    @property
    def choices(self) -> tuple[int, ...]:
        """How many there are to choose from in each place."""
        ...

    def decode(self, indices: Sequence[int]) -> C:
        """The candidate of these choices."""
        ...

    def encode(self, candidate: C) -> tuple[int, ...]:
        """The choices of a candidate."""
        ...

    def allows(self, candidate: C) -> bool:
        """Whether the choices go together."""
        ...


def state_of(draw: random.Random) -> list[Any]:
    """Where a generator is, as plain data."""
    version, keys, gauss = draw.getstate()
    return [version, list(keys), gauss]


def draw_from(state: Sequence[Any]) -> random.Random:
    """A generator that goes on from there."""
    draw = random.Random()
    version, keys, gauss = state
    draw.setstate((version, tuple(keys), gauss))
    return draw
