"""How a search is carried out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netwright._errors import must_be
from netwright.runs.recipe import Named
from netwright.tune.budget import Budget
from netwright.tune.catalogue import create
from netwright.tune.cell_space import CellSpace

__all__ = ["RANDOM", "SearchPlan"]

RANDOM = "random"
TRIALS = 20


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """How a search is carried out.

    Attributes:
        by: the search with its options: random, evolution or controller.
        trials: trainings of each search; None for no limit.
        seconds: processor time of the trainings of each search; None for no limit.
        seeds: with how many the winner is trained anew.
        alone: without random search at the same cost beside it.
        nodes: of a cell.
        operations: that a cell may have; None for all.
    """

    by: str | Mapping[str, Any] = "evolution"
    trials: int | None = None
    seconds: float | None = None
    seeds: int = 3
    alone: bool = False
    nodes: int = 4
    operations: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise must_be("seeds", "at least 1", self.seeds)
        create(self.named.name, self.space, seed=0, **self.named.options)
        _ = self.budget

    @property
    def named(self) -> Named:
        """The search."""
        return Named.model_validate(self.by if isinstance(self.by, str) else dict(self.by))

    @property
    def budget(self) -> Budget:
        """Of each search; 20 trials where nothing is said."""
        nothing = self.trials is None and self.seconds is None
        return Budget(trials=TRIALS if nothing else self.trials, seconds=self.seconds)

    @property
    def space(self) -> CellSpace:
        """In which is searched."""
        chosen = {} if self.operations is None else {"operations": self.operations}
        return CellSpace(nodes=self.nodes, **chosen)

    @property
    def searches(self) -> dict[str, Named]:
        """By name, in the order in which they are carried out."""
        asked = self.named
        rival = {} if self.alone or asked.name == RANDOM else {RANDOM: Named(name=RANDOM)}
        return {asked.name.replace(os.sep, "-"): asked, **rival}
