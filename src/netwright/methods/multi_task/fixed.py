"""Weights that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be, unknown
from netwright.methods.multi_task.weighting import TaskCosts, Weighting

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads

__all__ = ["Fixed"]


class Fixed(Weighting):
    """The sum of the tasks' losses, each times a number.

    When to use it: first. Losses of standardised numbers and of classes are of like size already,
    so equal weights are a rival that others have to beat.

    Paper: Multitask Learning, 1997, https://doi.org/10.1023/A:1007379606734

    Args:
        heads: of the tasks.
        weights: task → at least 0; 1 for those that are not named.
    """

    weights: Tensor

    def __init__(self, heads: Heads, *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(heads)
        given = dict(weights or {})
        for task, weight in given.items():
            if task not in self.tasks:
                raise unknown("task in weights", task, self.tasks)
            if not 0 <= weight < float("inf"):
                raise must_be(f"weight of {task}", "a finite number of at least 0", weight)
        self.given = {task: float(given.get(task, 1.0)) for task in self.tasks}
        if not any(self.given.values()):
            raise must_be("weights", "above 0 for one task at least", given)
        self.register_buffer("weights", torch.tensor(list(self.given.values())), persistent=False)

    def total(self, costs: TaskCosts) -> Float[Tensor, ""]:
        """The weighted sum."""
        return (self.weights * costs.totals).sum()

    def floor(self, best: Float[Tensor, "tasks"], shares: Float[Tensor, "tasks"]) -> float:
        """The weighted sum."""
        return float((self.weights.cpu() * best * shares).sum())

    def term_weights(self) -> Mapping[str, float]:
        """As given."""
        return self.given
