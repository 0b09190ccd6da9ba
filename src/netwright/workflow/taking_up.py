"""Where a run goes on that was interrupted or killed, and what is said about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from netwright._errors import DamagedRun
from netwright.data.source import Resume, Source
from netwright.runs.environment import changes_since
from netwright.runs.records import Finding, Severity
from netwright.runs.store import RunFolder
from netwright.train.control import Observer, View
from netwright.train.snapshot import SnapshotFolder, State

__all__ = ["Start", "Told", "change_of_place", "degree_of_resume", "fresh", "taken_up"]


@dataclass(frozen=True)
class Start:
    """Where a run begins or goes on.

    Attributes:
        state: what it goes on from; None from the beginning.
        about: what the record says of it.
        said: what people are told.
    """

    state: State | None
    about: dict[str, Any]
    said: tuple[str, ...] = ()


def fresh() -> Start:
    """At the beginning of a new run."""
    return Start(None, {})


def taken_up(snapshots: SnapshotFolder) -> Start:
    """From the newest whole snapshot; from the beginning where none was ever written.

    Raises:
        DamagedRun: there are snapshots, and none of them is whole.
    """
    if not snapshots.files():
        return Start(
            None,
            {"snapshot": None},
            ("No snapshot of the run is there: it begins again from the start.",),
        )
    file, state, complaints = snapshots.newest()
    for complaint in complaints:
        warnings.warn(f"{complaint} Going on from the one before.", stacklevel=5)
    return Start(state, {"snapshot": file.name, "passed_over": list(complaints)})


def change_of_place(folder: RunFolder) -> list[str]:
    """Say that a run goes on where other bits may be computed than where it began."""
    try:
        changes = changes_since(folder.read_json("environment.json"))
    except DamagedRun:  # the run can go on without
        return []
    if not changes:
        return []
    return [
        f"The run began elsewhere ({', '.join(changes)}): it may not end with the same bits as if "
        "it had never stopped."
    ]


def degree_of_resume(source: Source) -> list[Finding]:
    """Say at the start, not when it is too late, that an interruption will cost something."""
    if source.resume is not Resume.NONE:
        return []
    return [
        Finding(
            symptom="resumes-by-epoch",
            severity=Severity.NOTE,
            where="data",
            step=0,
            message="The DataLoader has no state: a resumed run begins its epoch again, and can't "
            "end with the same bits. Give the dataset instead of the loader for an exact resume.",
        )
    ]


class Told(Observer):
    """Says what has to be known when a run begins or goes on, whether or not a doctor watches.

    Args:
        findings: also recorded, when the run begins.
        said: told to people alone.
        record: records a finding.
        say: shows a line to people.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        said: Sequence[str],
        record: Callable[[Finding], None],
        say: Callable[[str], None],
    ) -> None:
        self._findings = findings
        self._said = said
        self._record = record
        self._say = say

    def started(self, view: View) -> None:
        """Say it; a run that goes on has it in its record."""
        for line in (*self._said, *(finding.message for finding in self._findings)):
            self._say(line)
        if view.step == 0:
            for finding in self._findings:
                self._record(finding)
