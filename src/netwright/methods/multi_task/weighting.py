"""The contract of a weighting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads

__all__ = ["TaskCosts", "Weighting"]


@dataclass(frozen=True, kw_only=True)
class TaskCosts:
    """What a batch costs each task.

    Attributes:
        totals: (tasks,) summed over the examples that have the task's target.
        labels: (tasks,) how many these are, by weight.
        scores: (n, width) of the network, of which the totals were made.
        shared: parameters of the network that ask for a gradient.
        own: those of the output units, each of one task alone.
    """

    totals: Float[Tensor, "tasks"]
    labels: Float[Tensor, "tasks"]
    scores: Float[Tensor, "n width"]
    shared: Sequence[nn.Parameter]
    own: Sequence[nn.Parameter]


class Weighting(nn.Module, ABC):
    """From the tasks' losses to the one whose gradient the optimiser takes.

    A label counts as one, whatever its task: of a task that every second example has a target of,
    half as much is added up. What it learns or keeps is in its `state_dict`.

    Attributes:
        accumulates: whether the total over a batch is the sum of those over its pieces.
        compiles: whether `total` can be traced.
    """

    accumulates: ClassVar[bool] = True
    compiles: ClassVar[bool] = True

    def __init__(self, heads: Heads) -> None:
        super().__init__()
        self.tasks = heads.names

    @abstractmethod
    def total(self, costs: TaskCosts) -> Float[Tensor, ""]:
        """The sum over the batch that is learned by."""

    @abstractmethod
    def floor(self, best: Float[Tensor, "tasks"], shares: Float[Tensor, "tasks"]) -> float:
        """The mean of that for the best constant answers.

        Args:
            best: mean loss of each task's best constant answer.
            shares: of the examples that have a target of each.
        """

    def term_weights(self) -> Mapping[str, float]:
        """What each task's loss is multiplied with, where that is a constant of the run."""
        return {}

    def terms(self) -> Mapping[str, Tensor]:
        """What else the record should say."""
        return {}
