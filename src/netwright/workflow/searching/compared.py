"""A search beside random search at the same cost, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping

from netwright._statistics import Interval
from netwright.runs.store import RunFolder
from netwright.tune.study import IDLE
from netwright.workflow.searching.plan import RANDOM, SearchPlan
from netwright.workflow.searching.result import Found, SearchResult, mean_interval

__all__ = ["compared"]


def compared(
    folder: RunFolder,
    plan: SearchPlan,
    *,
    found: Mapping[str, Found],
    metric: str,
    judged_on: str,
    sign: float,
) -> SearchResult:
    """What came out: the winner of the search, the winner of random search, and the difference.

    Args:
        folder: of the search.
        plan: how it was carried out.
        found: by search, the asked one first, with the figures of its judged runs.
        metric: by which it went.
        judged_on: the split of the judged runs.
        sign: 1 where more of the metric is better, −1 where less is.
    """
    ours, rival = next(iter(found.values())), found.get(RANDOM)
    gain, notes = None, []
    notes.append(
        f"The validation figure is the best of {ours.trained}, so it promises too much: believe "
        f"{judged_on}."
    )
    if rival is not None and rival is not ours:
        space = plan.space
        if ours.cell and rival.cell and space.key(ours.cell) == space.key(rival.cell):
            notes.append(f"Random search found the same cell as {ours.by} at the same cost.")
        else:
            differences = [sign * (a - b) for a, b in zip(ours.judged, rival.judged, strict=True)]
            gain = mean_interval(differences)
            notes.append(_said(ours.by, gain, metric=metric, seeds=len(differences)))
    notes += [
        f"{one.by} ended before its budget: it asked for nothing new {IDLE} times in a row."
        for one in found.values()
        if plan.budget.allows(trials=one.trained, seconds=one.seconds)
    ]
    return SearchResult(
        path=folder.path,
        metric=metric,
        judged_on=judged_on,
        found=dict(found),
        gain=gain,
        notes=tuple(notes),
    )


def _said(by: str, gain: Interval | None, *, metric: str, seeds: int) -> str:
    if gain is None:
        return "One seed tells nothing of the spread: take more to compare with random search."
    between = f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] over {seeds} seeds"
    if gain.low > 0:
        return f"{by} found a better cell than random search at the same cost: {metric} {between}."
    if gain.high < 0:
        return f"{by} found a worse cell than random search at the same cost: {metric} {between}."
    return f"{by} did not beat random search at the same cost: {metric} {between}."
