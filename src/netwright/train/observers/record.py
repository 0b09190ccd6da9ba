"""Writes what happens into the record of the run.

Losses stay on the device and are brought over together, so that recording does not make the
training wait at every step.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from netwright.data.batch import Streams
from netwright.data.source import Position
from netwright.runs.events import Recorder
from netwright.runs.records import Ended, Finding, Intervention, Severity
from netwright.train.control import Command, Observer, RollBack, View
from netwright.train.update import Outcome

if TYPE_CHECKING:
    from netwright.train.compiled import Compilation

__all__ = ["Record"]

_HELD = 64  # steps kept on the device before they are brought over together


class _Row(NamedTuple):
    step: int
    phase: str
    learning_rates: Mapping[str, float]
    values: Sequence[Tensor | float]  # mean, gradient norm, then the terms
    terms: Mapping[str, Tensor]
    term_weights: Mapping[str, float]
    seconds: float


class Record(Observer):
    """Records steps, epochs, validations, commands, snapshots and the end of a run.

    Args:
        recorder: where it is written.
        every: steps between recorded steps.
        about: what the `attempt` event says of where the run goes on.
    """

    name = "record"

    def __init__(
        self, recorder: Recorder, *, every: int = 1, about: Mapping[str, Any] | None = None
    ) -> None:
        self._recorder = recorder
        self._every = every
        self._rows: list[_Row] = []
        self._began = time.perf_counter()
        self._about = dict(about or {})

    def started(self, view: View) -> None:
        """Begin an attempt at the present step."""
        self._recorder.begin(step=view.step, **self._about)

    def stage_entered(self, view: View) -> None:
        """Note the stage and how long it is planned to take; once, however often it is taken up."""
        if view.stage_step > 0:
            return
        number, of = view.start
        start: dict[str, Any] = {"start": number} if of > 1 else {}
        self._recorder.record(
            "stage",
            step=view.step,
            stage=view.stage,
            steps=view.stage_steps,
            epoch=view.epoch,
            **start,
        )

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Outcome) -> None:
        """Keep what was measured until it is worth bringing over."""
        if view.step % self._every:
            return
        loss = outcome.loss
        self._rows.append(
            _Row(
                view.step,
                phase,
                view.learning_rates,
                _unread([outcome.mean, outcome.gradient_norm, *loss.terms.values()]),
                loss.terms,
                loss.term_weights,
                time.perf_counter() - self._began,
            )
        )
        if len(self._rows) >= _HELD:
            self._drain()

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """Write the epoch."""
        self._drain()
        self._recorder.record(
            "epoch",
            step=view.step - 1,
            epoch=view.epoch,
            loss=loss,
            examples=examples,
            skipped_updates=view.skipped_updates,
            **_zeros(view),
            clock={"seconds": seconds, "examples_per_second": examples / max(seconds, 1e-9)},
        )

    def validated(self, view: View, *, metrics: Mapping[str, float]) -> None:
        """Write the validation."""
        self._recorder.record(
            "validation", step=view.step - 1, epoch=view.epoch, metrics=dict(metrics)
        )

    def snapshot_taken(self, view: View, *, file: str) -> None:
        """Write which file is going to hold the state."""
        self._drain()
        self._recorder.record("snapshot", step=view.step - 1, file=file)

    def state_dict(self) -> dict[str, Any]:
        """How much of the record there is: what is written later is superseded by a resumed run."""
        return {"kept_bytes": self._recorder.mark()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Remember which part of the record counts."""
        kept: int = state["kept_bytes"]
        if kept > self._recorder.mark():  # no kill leaves that: the snapshot came after the record
            warnings.warn(
                "The run's record is shorter than when the snapshot was taken: it has a gap. The "
                "training itself lacks nothing.",
                stacklevel=2,
            )
        self._about |= {"kept_bytes": kept}

    def compiled(self, view: View, *, compilation: Compilation) -> None:
        """Write how many graphs a phase has taken so far, or why it takes none."""
        self._drain()
        self._recorder.record(
            "compilation",
            step=view.step,
            phase=compilation.phase,
            graphs=compilation.graphs,
            reason=compilation.reason,
            clock={"seconds": compilation.seconds},
        )

    def commanded(self, view: View, *, command: Command) -> None:
        """Write the command with the finding that caused it; a roll-back begins a new attempt."""
        self._drain()
        if isinstance(command, RollBack):
            self._recorder.begin(step=view.step)
        intervention = Intervention(
            command=type(command).__name__,
            step=max(view.step - 1, 0),
            arguments=_arguments(command),
            cause=command.finding,
        )
        self._recorder.record("command", **intervention.to_json())

    def start_chosen(self, view: View, *, scores: Sequence[float], chosen: int) -> None:
        """Write which start did best, and what the others came to."""
        name, metric = next(iter(view.method.metrics().items()))
        shown = [score if metric.higher_is_better else -score for score in scores]
        others = ", ".join(f"{one:.4g}" for place, one in enumerate(shown) if place + 1 != chosen)
        finding = Finding(
            symptom="random-restarts",
            severity=Severity.NOTE,
            where="loop",
            step=max(view.step - 1, 0),
            measurements={"metric": name, "scores": shown, "chosen": chosen},
            message=f"Start {chosen} of {len(scores)} is kept, with the best validation {name}: "
            f"{shown[chosen - 1]:.4g}{f'; the others: {others}' if others else ''}.",
        )
        self.found(finding)

    def found(self, finding: Finding) -> None:
        """Write a finding."""
        self._drain()
        self._recorder.record("finding", **finding.to_json())

    def ended(self, view: View, *, ended: Ended) -> None:
        """Write the end."""
        self._drain()
        seconds = time.perf_counter() - self._began
        self._recorder.record(
            "ended",
            step=max(ended.step - 1, 0),
            reason=ended.reason,
            epochs=view.epoch,
            best=view.best,
            **_zeros(view),
            clock={"seconds": seconds},
        )
        self._recorder.flush(sync=True)

    def close(self) -> None:
        """Hand over what is still held, also when the run broke off without an end."""
        self._drain()

    def _drain(self) -> None:
        if not self._rows:
            return
        numbers = iter(_read([value for row in self._rows for value in row.values]))
        for row in self._rows:
            mean, norm = next(numbers), next(numbers)
            self._recorder.record_step(
                step=row.step,
                phase=row.phase,
                seconds=row.seconds,
                learning_rate=row.learning_rates,
                loss=mean,
                gradient_norm=norm,
                terms={name: next(numbers) for name in row.terms},
                term_weights=row.term_weights,
            )
        self._rows.clear()


def _zeros(view: View) -> dict[str, float]:
    """Told where an L1 penalty makes them."""
    share = view.share_of_zeros
    return {} if share is None else {"zeros": share}


def _unread(values: list[Tensor]) -> Sequence[Tensor | float]:
    """Scalars as they are; on a processor, where reading them waits for nothing, as numbers."""
    if any(value.device.type != "cpu" for value in values):
        return values
    return [value.item() for value in values]


def _read(values: Sequence[Tensor | float]) -> list[float]:
    """Scalars brought over together."""
    tensors = [value.float() for value in values if isinstance(value, Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else ())
    return [next(read) if isinstance(value, Tensor) else value for value in values]


def _arguments(command: Command) -> dict[str, Any]:
    own = [item.name for item in fields(command) if item.name != "finding"]
    return {name: _plain(getattr(command, name)) for name in own}


def _plain(value: Any) -> Any:
    if isinstance(value, Position):
        return [value.epoch, value.step]
    return type(value).__name__ if isinstance(value, nn.Module) else value
