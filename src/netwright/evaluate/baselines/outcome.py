"""What came out of models that were judged side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from netwright.evaluate.judgement import Estimate

__all__ = ["Loss", "Outcome", "SideBySide"]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """By how much a model is worse than the best, on the same examples, with a 95 % interval.

    Attributes:
        value: in the metric's own unit; never below 0 by much, as the best is the best.
        low: lower end; at or below the tolerance the two can't be told apart.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One model that was fitted and judged.

    Attributes:
        name: in the catalogue, or of the run.
        inputs: what it was given: "raw inputs", or the features of which network.
        metrics: by name, of the test split, with intervals.
        undefined: metrics that these data don't define, and why.
        validation: the figure of the validation split that it was chosen by.
        chosen: of the grid.
        n_train: examples it was fitted on.
        choose_seconds: to fit and answer for the whole grid.
        fit_seconds: to fit what was chosen.
        predict_seconds: to answer for the test split; None where it was not measured.
        notes: what the user should know: a part of the examples, no convergence.
        loss: against the best; None until they are compared.
    """

    name: str
    inputs: str
    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, str] = field(default_factory=dict)
    validation: float | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)
    n_train: int
    choose_seconds: float | None = None
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    notes: tuple[str, ...] = ()
    loss: Loss | None = None


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Models side by side.

    Attributes:
        data: name of the set.
        metric: what they are compared by, the first of the target's kind.
        higher_is_better: its direction.
        n_test: examples they are judged on.
        outcomes: the best first.
        skipped: model → why it was left out.
        order: names, the simplest first.
        simplest: place of the simplest that does the job.
        tolerance: loss that does no harm.
    """

    data: str
    metric: str
    higher_is_better: bool
    n_test: int
    outcomes: tuple[Outcome, ...]
    skipped: Mapping[str, str]
    order: tuple[str, ...]
    simplest: int
    tolerance: float

    @property
    def best(self) -> Outcome:
        """The best on the test split."""
        return self.outcomes[0]

    @property
    def does_the_job(self) -> Outcome:
        """The simplest that can't be told from the best, or loses less than the tolerance."""
        return self.outcomes[self.simplest]

    def to_json(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers."""
        plain = asdict(self)
        plain["outcomes"] = list(plain["outcomes"])
        for one in plain["outcomes"]:
            one["notes"] = list(one["notes"])
        plain["order"] = list(self.order)
        plain["best"] = self.best.name
        plain["simplest"] = self.does_the_job.name
        return plain
