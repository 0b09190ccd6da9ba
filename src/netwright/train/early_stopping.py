"""Stop when the validation metric says that nothing more is to be gained.

Paper: Early Stopping - But When?, Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from netwright._errors import must_be
from netwright.train.control import Command, Controller, EndStage, View

__all__ = ["EarlyStopping", "Trigger", "average_change", "no_change", "steady_decrease"]

Trigger = Callable[[Sequence[float]], bool]
"""From the scores so far (higher is better) to whether to stop."""


def no_change(*, epochs: int, least: float = 0.0) -> Trigger:
    """No score of the last `epochs` beats the best before them by more than `least`.

    Example:
        >>> no_change(epochs=2)([0.5, 0.7, 0.7, 0.6])
        True
    """
    _check(epochs)

    def stop(scores: Sequence[float]) -> bool:
        if len(scores) <= epochs:
            return False
        return max(scores[-epochs:]) <= max(scores[:-epochs]) + least

    return stop


def steady_decrease(*, epochs: int) -> Trigger:
    """Each of the last `epochs` scores is below the one before it."""
    _check(epochs)

    def stop(scores: Sequence[float]) -> bool:
        recent = scores[-epochs - 1 :]
        return len(recent) > epochs and all(later < earlier for earlier, later in pairwise(recent))

    return stop


def average_change(*, epochs: int, least: float) -> Trigger:
    """The mean absolute change from score to score over the last `epochs` is below `least`."""
    _check(epochs)

    def stop(scores: Sequence[float]) -> bool:
        recent = scores[-epochs - 1 :]
        if len(recent) <= epochs:
            return False
        changes = [abs(later - earlier) for earlier, later in pairwise(recent)]
        return sum(changes) / epochs < least

    return stop


class EarlyStopping(Controller):
    """Ends the stage when `trigger` fires on one validation metric.

    The loop puts the weights of the best validation back (`restore_best`).

    Args:
        trigger: one of the three of this module, or any function of the scores so far.
        metric: name of the metric.
        higher_is_better: its direction.
    """

    name = "early-stopping"
    owns = frozenset({EndStage})

    def __init__(self, trigger: Trigger, *, metric: str, higher_is_better: bool) -> None:
        self._trigger = trigger
        self._metric = metric
        self._sign = 1.0 if higher_is_better else -1.0
        self._scores: list[float] = []

    def after_stage_entered(self, view: View) -> Sequence[Command]:
        """Begin anew: another stage may be judged on another scale."""
        self._scores.clear()
        return ()

    def after_validation(self, view: View, *, metrics: Mapping[str, float]) -> Sequence[Command]:
        """Take in a score and ask to stop when the trigger fires."""
        if self._metric not in metrics:
            raise must_be("metric", f"one that is measured ({', '.join(metrics)})", self._metric)
        score = self._sign * metrics[self._metric]
        self._scores.append(-math.inf if math.isnan(score) else score)
        if self._trigger(self._scores):
            return (EndStage(reason=f"early stopping: {self._metric} stands still"),)
        return ()

    def state_dict(self) -> dict[str, Any]:
        """The scores so far."""
        return {"scores": list(self._scores)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up the scores."""
        self._scores = list(state["scores"])


def _check(epochs: int) -> None:
    if epochs < 1:
        raise must_be("epochs", "at least 1", epochs)
