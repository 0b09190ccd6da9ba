"""What a report says, gathered from the record of a run as plain data for the page.

Whatever a run lacks, because it was cut short or is under way or has no such thing, is None or
empty here, and the page says so.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from netwright._errors import DamagedRun
from netwright.runs.beginning import STARTED
from netwright.runs.events import DamagedLine, read_log
from netwright.runs.members import FILE as MEMBERS_FILE
from netwright.runs.store import RunFolder

__all__ = ["Contents", "split_names"]

SPLITS = ("test", "val", "train")


class Contents:
    """The files of a run, read once; a damaged one is left out and named.

    Attributes:
        events: those that count, by kind.
        findings: of all attempts, those that led to a roll-back or another command too.
        damaged: sentences on what could not be read.
        task: which of several tasks this is of; None for a run as a whole.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.task: str | None = None
        self.damaged: list[str] = []
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.findings: list[dict[str, Any]] = []
        self.attempts = 1
        self._read_events()
        self.recipe = self._text("recipe.yaml")
        self.environment: dict[str, Any] = self._json("environment.json", {})
        self.data: dict[str, Any] = self._json("data.json", {})
        self.beginning: dict[str, Any] = self._json(STARTED, {})
        self.errors: list[dict[str, Any]] = self._json("pictures/errors.json", [])
        self.prototypes: dict[str, Any] = self._json("pictures/prototypes.json", {})
        self.calibration: dict[str, Any] = self._json("calibration.json", {})
        self.samples: list[dict[str, Any]] = self._json("pictures/samples.json", [])
        self.members: dict[str, Any] = self._json(MEMBERS_FILE, {})
        self.evaluations: dict[str, dict[str, Any]] = {
            split: found
            for split in split_names(folder)
            if (found := self._json(f"evaluation/{split}.json", {}))
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind that count."""
        return self.events.get(kind, [])

    @property
    def ended(self) -> dict[str, Any] | None:
        """How the last attempt ended; None while it is under way or when it was killed."""
        ends = [event for event in self.of("ended") if event["attempt"] == self.attempts]
        return ends[-1] if ends else None

    @property
    def last_step(self) -> int | None:
        """The last step that is recorded."""
        steps = [found[-1]["step"] for found in self.events.values()]
        return max(steps, default=None)

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stages that were entered, where they bear several names."""
        entered = self.of("stage")
        names = {event.get("stage") for event in entered}
        return entered if len(names) > 1 else []

    def stage_at(self, step: int) -> str | None:
        """The name of the stage that a step belongs to, where there are several."""
        entered = [event["stage"] for event in self.stages if event["step"] <= step]
        return str(entered[-1]) if entered else None

    def epochs_at(self, step: int) -> int:
        """How many passes were done after that step, those of earlier stages counted too."""
        return sum(event["step"] <= step for event in self.of("epoch"))

    @property
    def judged(self) -> dict[str, Any] | None:
        """The evaluation that counts most: test, else validation, else training."""
        return next(iter(self.evaluations.values()), None)

    def by_task(self) -> list[Contents]:
        """What there is of each of several tasks, as a run that had learned it alone would have it.

        The run itself where there is one task.
        """
        tasks = dict.fromkeys(
            task for e in self.evaluations.values() for task in e.get("tasks", {})
        )
        return [self._of(task) for task in tasks] or [self]

    def _of(self, task: str) -> Contents:
        own = copy.copy(self)
        own.task = task
        own.evaluations = {
            split: found["tasks"][task]
            for split, found in self.evaluations.items()
            if task in found.get("tasks", {})
        }
        target = self.data.get("target") or {}
        own.data = self.data | {"target": target.get("parts", {}).get(task, {})}
        return own

    def arrays(self, split: str) -> dict[str, Any]:
        """Outputs, targets and index of a split; empty where there are none."""
        name = f"evaluation/{split}.safetensors"
        if not self.folder.has(name):
            return {}
        try:
            found = self.folder.read_arrays(name)
        except DamagedRun as error:
            self.damaged.append(str(error))
            return {}
        if self.task is None:
            return found
        start = f"{self.task}/"
        return {key.removeprefix(start): one for key, one in found.items() if key.startswith(start)}

    def _read_events(self) -> None:
        try:
            log = read_log(self.folder)
        except DamagedRun as error:
            self.damaged.append(str(error))
            return
        for event in log.current():
            self.events.setdefault(event["kind"], []).append(event)
        self.attempts = max((event["attempt"] for event in log.events), default=1)
        self.findings = _once(_findings(log.events))
        self.damaged += [_in_words(line) for line in log.damaged[:5]]
        if len(log.damaged) > 5:
            self.damaged.append(f"{len(log.damaged) - 5} more lines of events.jsonl are damaged.")

    def _json(self, name: str, otherwise: Any) -> Any:
        if not self.folder.has(name):
            return otherwise
        try:
            found = self.folder.read_json(name)
        except DamagedRun as error:
            self.damaged.append(str(error))
            return otherwise
        if isinstance(found, type(otherwise)):
            return found
        self.damaged.append(f"{name} holds something else than it should, and is left out.")
        return otherwise

    def _text(self, name: str) -> str | None:
        try:
            return self.folder.read_text(name) if self.folder.has(name) else None
        except DamagedRun as error:
            self.damaged.append(str(error))
            return None


def split_names(folder: RunFolder) -> list[str]:
    """The splits that were evaluated: test, validation and training first, then others."""
    found = sorted(path.stem for path in (folder.path / "evaluation").glob("*.json"))
    return sorted(found, key=lambda name: SPLITS.index(name) if name in SPLITS else len(SPLITS))


def _findings(events: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for event in events:
        if event["kind"] == "finding":
            yield event
        elif event["kind"] == "command" and isinstance(event.get("cause"), dict):
            yield {"step": event["step"], **event["cause"]}


def _once(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A resumed run finds again what it had found: the last time counts."""
    told = {json.dumps([f.get("symptom"), f.get("where"), f["step"]]): f for f in findings}
    return list(told.values())


def _in_words(line: DamagedLine) -> str:
    return f"Line {line.number} of events.jsonl can't be read and is left out: {line.reason}."
