"""What came out of a search."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netwright._statistics import Interval
from netwright.tune.study import spent
from netwright.tune.trials import Trial, best_of

__all__ = ["Found", "SearchResult", "figures_of", "mean_interval"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one search found.

    Attributes:
        by: name of the search.
        trained: how many candidates it trained.
        repeats: how often it asked for one that it had trained.
        broken: how many trainings gave no score.
        seconds: of processor time of the trainings.
        cell: operations of the best; None where every training broke.
        validation: metric of the best; the best of so many, so it promises too much.
        parameters: of the network of the best.
        runs: names of the runs that trained the best anew, with seeds of their own.
        judged: metric of each of them, on the split that the search has not seen.
    """

    by: str
    trained: int
    repeats: int
    broken: int
    seconds: float
    cell: tuple[str, ...] | None
    validation: float | None
    parameters: int | None
    runs: tuple[str, ...] = ()
    judged: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """Of the judged runs."""
        return statistics.fmean(self.judged) if self.judged else None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What came out of a search, and of random search at the same cost.

    Attributes:
        path: its folder.
        metric: by which it went, and by which the finalists are judged.
        judged_on: the split of the finalists; empty before they are judged.
        found: by search, the asked one first.
        gain: of the asked one over random search, over the seeds; None where there is nothing to
            compare, or where both found the same cell.
        notes: what has to be known to read it.
    """

    path: Path
    metric: str
    judged_on: str
    found: Mapping[str, Found]
    gain: Interval | None
    notes: tuple[str, ...]

    @property
    def best(self) -> Found:
        """Of the search that was asked for."""
        return next(iter(self.found.values()))

    def to_json(self) -> dict[str, Any]:
        """As `summary.json` holds it."""
        return {
            "path": str(self.path),
            "metric": self.metric,
            "judged_on": self.judged_on,
            "found": {name: asdict(one) | {"mean": one.mean} for name, one in self.found.items()},
            "gain": None if self.gain is None else asdict(self.gain),
            "notes": list(self.notes),
        }


def figures_of(by: str, trials: list[Trial], *, sign: float) -> Found:
    """The figures of a search's trials; `sign` turns a score back into the metric."""
    best, cost = best_of(trials), spent(trials)
    trained = [trial for trial in trials if trial.repeats is None]
    return Found(
        by=by,
        trained=cost["trials"],
        repeats=len(trials) - len(trained),
        broken=sum(1 for trial in trained if trial.outcome.broken),
        seconds=cost["seconds"],
        cell=None if best is None else tuple(best.candidate),
        validation=None if best is None else sign * best.outcome.score,
        parameters=None if best is None else best.outcome.facts.get("parameters"),
    )


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval | None:
    """Student's interval of the mean of values that are normal; None of fewer than two.

    Example:
        >>> interval = mean_interval([0.0, 1.0])
        >>> round(interval.low, 2), interval.value, round(interval.high, 2)
        (-5.85, 0.5, 6.85)
    """
    if len(values) < 2:
        return None
    from scipy.stats import t

    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(t.ppf(0.5 + level / 2, len(values) - 1)) * error
    return Interval(value=mean, low=mean - half, high=mean + half)
