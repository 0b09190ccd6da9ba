"""A run that ends no better than an answer which ignores its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netwright.runs.records import Finding, Severity
from netwright.train.control import View

__all__ = ["Floor", "NotLearning"]


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What an answer that ignores its input scores."""

    score: float
    higher_is_better: bool

    def beaten_by(self, score: float) -> bool:
        """Whether `score` is better."""
        return score > self.score if self.higher_is_better else score < self.score


class NotLearning:
    """Compares held-out metrics with those of the best constant answer, at the end of the run.

    Only the end is judged: many healthy runs spend their first epochs at the floor.

    Args:
        floor: metric name → the constant answer's score on the same held-out data.
    """

    def __init__(self, floor: Mapping[str, Floor]) -> None:
        self._floor = floor

    def after_epoch(self, view: View) -> Sequence[Finding]:
        """Nothing is known before held-out data are judged."""
        return ()

    def after_validation(self, view: View, *, metrics: Mapping[str, float]) -> Sequence[Finding]:
        """Say so when the last validation is not above the floor."""
        if view.stage_step < view.stage_steps:
            return ()
        return [
            Finding(
                symptom="not-learning",
                severity=Severity.ERROR,
                where="loop",
                step=view.step - 1,
                measurements={
                    "metric": name,
                    "score": metrics[name],
                    "constant_answer": floor.score,
                },
                message=f"Validation {name} ended at {metrics[name]:.4g}; always giving the same "
                f"answer scores {floor.score:.4g}.",
            )
            for name, floor in self._floor.items()
            if name in metrics and not floor.beaten_by(metrics[name])
        ]
