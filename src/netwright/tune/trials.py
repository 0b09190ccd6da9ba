"""What was tried: one record a trial, appended and never changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netwright.runs.events import EVENTS, events

__all__ = ["Outcome", "Trial", "best_of", "read_trials"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training gave.

    Attributes:
        score: by the validation split; higher is better, `BROKEN` where there is none.
        seconds: of processor time that it took.
        broken: why there is no score; empty where there is one.
        facts: of the candidate, for people (parameters).
    """

    score: float
    seconds: float
    broken: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was asked for, and what it was told.

    Attributes:
        number: from 1, in the order in which they were asked for.
        candidate: plain data.
        outcome: of its training, or of the trial that it repeats.
        repeats: number of the earlier trial of the same candidate; None where it was trained.
    """

    number: int
    candidate: Any
    outcome: Outcome
    repeats: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As the record holds it."""
        return {
            "number": self.number,
            "candidate": self.candidate,
            "repeats": self.repeats,
            **asdict(self.outcome),
        }


def read_trials(folder: Path) -> list[Trial]:
    """The trials of a search, in order; a line that a killed process left torn is no trial."""
    if not (folder / EVENTS).exists():
        return []
    return [_trial(event) for event in events(folder, "trial")]


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the highest score, the first of equals; None where all broke."""
    whole = [trial for trial in trials if math.isfinite(trial.outcome.score)]
    return max(whole, key=lambda trial: trial.outcome.score, default=None)


def _trial(event: Mapping[str, Any]) -> Trial:
    candidate = event["candidate"]
    return Trial(
        number=event["number"],
        candidate=tuple(candidate) if isinstance(candidate, list) else candidate,
        repeats=event["repeats"],
        outcome=Outcome(
            score=event["score"],
            seconds=event["seconds"],
            broken=event["broken"],
            facts=event["facts"],
        ),
    )
