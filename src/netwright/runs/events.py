"""The events of a run: one line of JSON each, appended, never changed.

A line is ``{"kind", "attempt", "step", ...fields, "clock": {...}}``. What depends on the wall clock
is kept apart under `clock`, so that two equal runs write equal lines but for it.

`step` is the step that an event belongs to, counted from 0; what is measured after a step (an
epoch's mean, a validation, a snapshot) carries that step. A run that goes on from an earlier point,
resumed or rolled back, is a new *attempt*: it first writes an `attempt` event whose step is the
first one that is done anew, and with that supersedes what earlier attempts wrote of that step and
of later ones. One that goes on from a snapshot says in `kept_bytes` how long the file was when the
snapshot was taken: what was written after that is superseded, whatever its step.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from netwright._errors import DamagedRun, must_be
from netwright.runs.files import decode, encode, open_own, saying_why, sweep

__all__ = ["DamagedLine", "Log", "Recorder", "events", "history", "last_attempt", "read_log"]

EVENTS = "events.jsonl"
GATHERED = 512  # lines kept before they are written: 0.1 ms of writing every few hundred steps
PATIENCE = 2.0  # seconds after which a gathered line is written, so that a live report is current

_log = logging.getLogger(__name__)


class Recorder:
    """Appends the events of one attempt after another to a run.

    `step` events are gathered and written together; anything rarer is written at once. A failed
    write leaves the file as it was and keeps the gathered lines, so that nothing recorded is lost
    when space is made and `flush` is called again.

    Args:
        folder: of the run.
        attempt: the number this attempt writes under; `last_attempt(folder) + 1` for a new one.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with Recorder(folder, attempt=1) as recorder:
        ...     recorder.begin(step=0)
        ...     recorder.record("step", step=0, loss=2.3, clock={"seconds": 0.01})
        >>> [event["kind"] for event in events(folder)]
        ['attempt', 'step']
    """

    def __init__(self, folder: Path | os.PathLike[str], attempt: int) -> None:
        if attempt < 1:
            raise must_be("attempt", "at least 1", attempt)
        self.attempt = attempt
        self._begun = False
        self._path = Path(folder) / EVENTS
        sweep(Path(folder))
        self._lines: list[str] = []
        self._written_at = time.monotonic()
        with saying_why(self._path, doing="written"):
            self._file = open_own(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._size = _whole_lines(self._file)
            os.ftruncate(self._file, self._size)  # the line that a killed run left torn

    def begin(self, *, step: int, **fields: Any) -> None:
        """Write the `attempt` event; called again, after a roll-back, under the next number.

        Args:
            step: the first step that is done anew; 0 for a fresh run.
            fields: `kept_bytes`, and what else is worth knowing (from which snapshot).
        """
        if self._begun:
            self.attempt += 1
        self._begun = True
        self.record("attempt", step=step, **fields)

    def record(
        self, kind: str, *, step: int, clock: Mapping[str, Any] | None = None, **fields: Any
    ) -> None:
        """Append one event.

        Args:
            kind: attempt, stage, step, epoch, validation, finding, command, snapshot, ended, or a
                name of one's own.
            step: that the event belongs to.
            clock: whatever depends on the wall clock (seconds, examples_per_second).
            fields: plain data; NaN and the infinities are kept.

        Raises:
            BadType: a field is not plain data.
            DamagedRun: the file could not be written.
        """
        event = {"kind": kind, "attempt": self.attempt, "step": step, **fields}
        if event["attempt"] is not self.attempt:
            raise must_be("fields", "free of the name 'attempt'", fields)
        if clock is not None:
            event["clock"] = clock
        self._lines.append(encode(event))
        if kind != "step" or len(self._lines) >= GATHERED or self._is_late():
            self.flush()

    def record_step(
        self,
        *,
        step: int,
        phase: str,
        seconds: float,
        learning_rate: Mapping[str, float],
        loss: float,
        gradient_norm: float,
        terms: Mapping[str, float],
        term_weights: Mapping[str, float],
    ) -> None:
        """Append a `step` event, the one of which there are many, in a third of the time.

        The line is the one that `record` would write.
        """
        total = loss + gradient_norm + sum(terms.values()) + sum(term_weights.values())
        if not math.isfinite(total):  # then some number needs a name
            self.record(
                "step",
                step=step,
                phase=phase,
                loss=loss,
                gradient_norm=gradient_norm,
                terms=dict(terms),
                term_weights=dict(term_weights),
                learning_rate=dict(learning_rate),
                clock={"seconds": seconds},
            )
            return
        self._lines.append(
            f'{{"kind":"step","attempt":{self.attempt},"step":{step},"phase":{_quoted(phase)},'
            f'"loss":{loss!r},"gradient_norm":{gradient_norm!r},"terms":{_numbers(terms)},'
            f'"term_weights":{_numbers(term_weights)},"learning_rate":{_numbers(learning_rate)},'
            f'"clock":{{"seconds":{seconds!r}}}}}'
        )
        if len(self._lines) >= GATHERED or self._is_late():
            self.flush()

    def flush(self, *, sync: bool = False) -> None:
        """Write the gathered lines; with `sync`, to the disk and not only to its cache.

        Raises:
            DamagedRun: the file could not be written; it is left as it was before.
        """
        self._written_at = time.monotonic()
        with saying_why(self._path, doing="written"):
            if self._lines:
                content = ("\n".join(self._lines) + "\n").encode()
                self._append(content)
                self._size += len(content)
                self._lines.clear()
            if sync:
                os.fsync(self._file)

    def mark(self) -> int:
        """Write what is gathered; how many bytes the file has then, for `kept_bytes`.

        Raises:
            DamagedRun: the file could not be written.
        """
        self.flush()
        return self._size

    def sync(self) -> None:
        """Bring to the disk what the file holds; another thread may go on recording meanwhile.

        Raises:
            DamagedRun: the disk refuses.
        """
        with saying_why(self._path, doing="written"):
            os.fsync(self._file)

    def close(self) -> None:
        """Write what is gathered, to the disk, and let go of the file."""
        if self._file < 0:
            return
        try:
            self.flush(sync=True)
        finally:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except DamagedRun:
            if not isinstance(error, DamagedRun):  # said once is enough
                raise

    def _append(self, content: bytes) -> None:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except BaseException:
            os.ftruncate(self._file, self._size)
            raise

    def _is_late(self) -> bool:
        return time.monotonic() - self._written_at > PATIENCE


_quoted = lru_cache(maxsize=256)(encode)  # of names, of which a run has few


def _numbers(values: Mapping[str, float]) -> str:
    """A mapping to finite numbers as `encode` writes it."""
    if not values:
        return "{}"
    return "{" + ",".join([f"{_quoted(name)}:{value!r}" for name, value in values.items()]) + "}"


@dataclass(frozen=True)
class DamagedLine:
    """A line of the record that can't be read."""

    number: int
    reason: str


@dataclass(frozen=True)
class Log:
    """Everything that a run has written.

    Attributes:
        events: all readable events of all attempts, in the order they were written.
        ends: where the line of each event ends in the file, in bytes.
        damaged: the lines that can't be read, counted from 1. A torn last line, as a killed run
            leaves it, is not among them: it is dropped.
    """

    events: list[dict[str, Any]]
    ends: list[int]
    damaged: tuple[DamagedLine, ...] = ()

    def current(self) -> list[dict[str, Any]]:
        """For every step the events of the last attempt only."""
        begins = _begins(zip(self.events, self.ends, strict=True))
        if len(begins) == 1:
            return self.events
        limits: dict[int, tuple[float, float]] = {}  # attempt → first step and byte not its own
        step = place = math.inf
        for attempt in sorted(begins, reverse=True):
            limits[attempt] = step, place
            begin, end = begins[attempt]
            if end > place:
                continue  # the roll-back that began it has not happened as the run is now told
            if "kept_bytes" in begin:
                place = begin["kept_bytes"]
            else:
                step = min(step, begin["step"])
        return [
            event
            for event, end in zip(self.events, self.ends, strict=True)
            if event["step"] < limits[event["attempt"]][0] and end <= limits[event["attempt"]][1]
        ]


def read_log(folder: Path | os.PathLike[str]) -> Log:
    """Read the events of a run, and which lines of its file are damaged.

    Raises:
        DamagedRun: there is no such file, or it can't be read.
    """
    path = Path(folder) / EVENTS
    with saying_why(path, doing="read"):
        lines = path.read_bytes().split(b"\n")
    lines.pop()  # empty after a whole last line; otherwise that line is torn
    read: list[dict[str, Any]] = []
    ends: list[int] = []
    damaged = []
    end = 0
    for number, line in enumerate(lines, start=1):
        end += len(line) + 1
        try:
            read.append(_event(line.decode()))
            ends.append(end)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            damaged.append(DamagedLine(number, f"{type(error).__name__}: {error}"))
            _log.warning("%s, line %d can't be read and is left out: %s", path, number, error)
    return Log(read, ends, tuple(damaged))


def events(folder: Path | os.PathLike[str], kind: str | None = None) -> list[dict[str, Any]]:
    """The events that count: for every step those of the last attempt, in order.

    Args:
        folder: of the run.
        kind: only of this kind; None for all.
    """
    return _of_kind(read_log(folder).current(), kind)


def history(folder: Path | os.PathLike[str], kind: str | None = None) -> list[dict[str, Any]]:
    """The events of all attempts, also what a roll-back or a resume has superseded."""
    return _of_kind(read_log(folder).events, kind)


def last_attempt(folder: Path | os.PathLike[str]) -> int:
    """The highest attempt that has written; 0 where nothing is written yet."""
    if not (Path(folder) / EVENTS).exists():
        return 0
    return max((event["attempt"] for event in read_log(folder).events), default=0)


def _event(line: str) -> dict[str, Any]:
    event = decode(line)
    if type(event["attempt"]) is not int or type(event["step"]) is not int or "kind" not in event:
        raise must_be("event", "a mapping with a kind, an attempt and a step", event)
    if type(event.get("kept_bytes", 0)) is not int:
        raise must_be("kept_bytes", "a whole number", event["kept_bytes"])
    return event  # type: ignore[no-any-return]


def _of_kind(found: list[dict[str, Any]], kind: str | None) -> list[dict[str, Any]]:
    return found if kind is None else [event for event in found if event["kind"] == kind]


def _begins(found: Iterable[tuple[dict[str, Any], int]]) -> dict[int, tuple[dict[str, Any], int]]:
    """The `attempt` event of each attempt; its earliest other event where that was damaged."""
    begins: dict[int, tuple[dict[str, Any], int]] = {}
    for event, end in found:
        known = begins.get(event["attempt"])
        if (
            known is None
            or event["kind"] == "attempt"
            or (known[0]["kind"] != "attempt" and event["step"] < known[0]["step"])
        ):
            begins[event["attempt"]] = event, end
    return begins


def _whole_lines(file: int) -> int:
    """How many bytes of the file are whole lines."""
    size = os.fstat(file).st_size
    end = size
    while end > 0:
        start = max(0, end - 65536)
        place = os.pread(file, end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0
