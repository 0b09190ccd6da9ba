"""A metric of one of several tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from netwright.metrics.base import Metric, Prediction

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Head, Heads

__all__ = ["OfTask"]


class OfTask(Metric):
    """What judges one task, shown the answers of all; over the examples that have its target.

    Args:
        metric: of the task alone.
        head: of the task.
        heads: of all tasks.
    """

    def __init__(self, metric: Metric, *, head: Head, heads: Heads) -> None:
        self.metric = metric
        self.head = head
        self.higher_is_better = metric.higher_is_better
        self._heads = heads

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """See `Metric.update`."""
        answer, own, rows = self._heads.judged(self.head, prediction, targets=targets)
        if len(own):
            self.metric.update(answer, own, weight=None if weight is None else weight[rows])

    def compute(self) -> float:
        """See `Metric.compute`."""
        return self.metric.compute()
