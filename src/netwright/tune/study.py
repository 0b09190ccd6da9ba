"""A search carried out within its budget: asked, trained, recorded, told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netwright._errors import DamagedRun
from netwright.runs.events import Recorder, last_attempt
from netwright.train.snapshot_file import read_snapshot, write_snapshot
from netwright.tune.budget import Budget
from netwright.tune.search import Search, Space
from netwright.tune.trials import Outcome, Trial, read_trials

__all__ = ["IDLE", "STATE", "conduct", "spent"]

STATE = "search.state"
IDLE = 100  # answers from the record in a row after which nothing new is to be expected


def conduct(
    search: Search[Any],
    space: Space[Any],
    *,
    evaluate: Callable[[Any], Outcome],
    budget: Budget,
    folder: Path,
    known: Mapping[str, Outcome] | None = None,
    say: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Search until the budget is spent; in a folder with trials, go on after the last of them.

    What was tried before is answered from the record and costs nothing; it ends before its budget
    when it asks for nothing new any more. Every training is recorded before the search is told of
    it: killed at any moment and called again, it does what it would have done.

    Args:
        search: fresh, with the seed that it began with.
        space: of its candidates.
        evaluate: trains a candidate.
        budget: what it may cost.
        folder: of the trials; made if it isn't there.
        known: outcomes by key from elsewhere, which count as if they were trained here.
        say: told of every trial.

    Raises:
        DamagedRun: the search asks for something else than the record has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trials = read_trials(folder)
    _take_up(search, trials, folder)
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(space.key(trial.candidate), trial)
    with Recorder(folder, last_attempt(folder) + 1) as recorder:
        recorder.begin(step=len(trials) + 1)
        while budget.allows(**spent(trials)) and _idle(trials) < IDLE:
            candidate = search.ask()
            key = space.key(candidate)
            trial = _trial(
                len(trials) + 1,
                candidate,
                first.get(key),
                known=None if known is None else known.get(key),
                train=evaluate,
            )
            first.setdefault(key, trial)
            recorder.record("trial", step=trial.number, **trial.to_json())
            trials.append(trial)
            search.tell(candidate, trial.outcome.score)
            if trial.repeats is None:  # a repeat is cheaply done again
                recorder.flush(sync=True)
                _keep(search, told=len(trials), folder=folder)
            say(trial)
    return trials


def spent(trials: list[Trial]) -> dict[str, Any]:
    """What trials have cost: trainings and their seconds."""
    trained = [trial.outcome.seconds for trial in trials if trial.repeats is None]
    return {"trials": len(trained), "seconds": sum(trained)}


def _idle(trials: list[Trial]) -> int:
    """How many of the last trials were repeats."""
    count = 0
    for trial in reversed(trials):
        if trial.repeats is None:
            break
        count += 1
    return count


def _trial(
    number: int,
    candidate: Any,
    before: Trial | None,
    *,
    known: Outcome | None,
    train: Callable[[Any], Outcome],
) -> Trial:
    if before is None:
        return Trial(number=number, candidate=candidate, outcome=known or train(candidate))
    return Trial(number=number, candidate=candidate, outcome=before.outcome, repeats=before.number)


def _keep(search: Search[Any], *, told: int, folder: Path) -> None:
    write_snapshot(folder / STATE, {"told": told, "search": search.state_dict()})


def _take_up(search: Search[Any], trials: list[Trial], folder: Path) -> None:
    """Bring a fresh search to where the record ends; the state may be a trial behind it."""
    told = 0
    if (folder / STATE).exists() and trials:
        state = read_snapshot(folder / STATE)
        if state["told"] <= len(trials):
            told = state["told"]
            search.load_state_dict(state["search"])
    for trial in trials[told:]:
        asked = search.ask()
        if asked != trial.candidate:
            raise DamagedRun(
                f"trials must be those that the search asks for, got {trial.candidate!r} as number "
                f"{trial.number} where it asks for {asked!r}. The record in {folder} is another's."
            )
        search.tell(asked, trial.outcome.score)
