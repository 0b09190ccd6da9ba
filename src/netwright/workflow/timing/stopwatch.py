"""Taking a step apart without touching the loop: what it is given notes the time.

The source, the losses and the observers that a loop is handed say when they begin and end; whatever
lies between two such moments belongs to the part that the later one names. The device is waited for
at each of them, so that what was started is not counted under the next part.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from netwright.data.batch import Streams, count_examples
from netwright.data.source import Act, Position, Source
from netwright.methods.base import Loss, Method, Phase, Stage
from netwright.train.control import Command, Controller, EndStage, Observer, View

__all__ = ["Before", "Behind", "Enough", "Key", "Stopwatch", "Ticks", "TimedSource", "Whole"]
__all__ += ["waiting_for", "watched_phases"]

Key = tuple[str, str]
"""Phase and part."""

_BLOCK = 10  # steps of a device that works while the host goes on, between two looks at the clock


def waiting_for(device: torch.device) -> Callable[[], None]:
    """What returns when the device has done everything it was asked for."""
    if device.type == "cpu":
        return lambda: None
    return lambda: torch.accelerator.synchronize(device)


@dataclass
class Laps:
    """What one stage was measured to take, a row a step."""

    name: str
    rows: list[dict[Key, float]] = field(default_factory=list)


class Stopwatch:
    """Seconds by phase and part, a row a step."""

    def __init__(self, device: torch.device) -> None:
        self.stages: list[Laps] = []
        self._wait = waiting_for(device)
        self._last = 0.0
        self._row: dict[Key, float] = defaultdict(float)

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self.stages.append(Laps(stage))
        self.restart()

    def restart(self) -> None:
        """Forget what has passed since the last step."""
        self._row = defaultdict(float)
        self._wait()
        self._last = time.perf_counter()

    def lap(self, part: str, phase: str = "") -> None:
        """What has passed since the last lap is this part's."""
        self._wait()
        now = time.perf_counter()
        self._row[phase, part] += now - self._last
        self._last = now

    def end_step(self) -> None:
        """The row is whole."""
        self.stages[-1].rows.append(dict(self._row))
        self._row = defaultdict(float)

    def end_fit(self) -> None:
        """The row is whole; what was done between the batches was the closed form."""
        self.lap("other")
        self._row["", "fit"] = self._row.pop(("", "other"))
        self.end_step()


class TimedSource(Source):
    """A source that says when it is asked and when it has answered."""

    def __init__(self, source: Source, clock: Stopwatch) -> None:
        self.length, self.resume = source.length, source.resume
        self._source, self._clock = source, clock

    def next(self, position: Position, act: Act | None = None) -> Streams:
        """See `Source.next`."""
        self._clock.lap("other")
        streams = self._source.next(position, act)
        self._clock.lap("next")
        return streams

    def to(self, device: torch.device) -> None:
        """See `Source.to`."""
        self._source.to(device)

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()


class Before(Observer):
    """Stands before the observers that are measured: what is heard here ends what the loop did."""

    def __init__(self, clock: Stopwatch) -> None:
        self._clock = clock

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Any) -> None:
        """The update is made."""
        self._clock.lap("update", phase)

    def stepped(self, view: View) -> None:
        """The loop's own part is done."""
        self._clock.lap("other")


class Behind(Observer):
    """Stands behind the observers that are measured: what they did is recording."""

    def __init__(self, clock: Stopwatch) -> None:
        self._clock = clock

    def stage_entered(self, view: View) -> None:
        """Begin the stage's rows."""
        self._clock.begin(view.stage)

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Any) -> None:
        """The update is recorded."""
        self._clock.lap("record")

    def stepped(self, view: View) -> None:
        """The step is recorded; its row ends."""
        self._clock.lap("record")
        self._clock.end_step()

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """What is done between epochs is no step's; a closed form is a single one."""
        if not self._clock.stages[-1].rows:
            self._clock.end_fit()
        self._clock.restart()


class _WatchedBackward(torch.autograd.Function):
    """The same scalar; says when its backward pass begins and ends."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, *moments: Callable[[], None]) -> Tensor:
        ctx.moments = moments
        return total.view_as(total)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        begins, ends = ctx.moments
        begins()
        # called when the whole pass is done, that of every parameter
        engine: Any = torch.autograd.Variable._execution_engine
        engine.queue_callback(ends)
        return gradients[0], None, None


Watch = Callable[[Phase, Streams], Any]
"""Computes a phase's loss, looking at what that needs."""


@contextmanager
def watched_phases(method: Method, *, clock: Stopwatch, first: Watch) -> Iterator[None]:
    """Within the block the method's phases say when their loss and its gradient are computed.

    Args:
        method: it.
        clock: told of each moment.
        first: computes the first loss of each phase.
    """
    plain = method.phases
    seen: set[str] = set()

    def watched(phase: Phase) -> Phase:
        def loss(streams: Streams) -> Any:
            clock.lap("update", phase.name)
            if phase.name in seen:
                found = phase.loss(streams)
            else:
                seen.add(phase.name)
                found = first(phase, streams)
            clock.lap("forward", phase.name)
            return _with_moments(found, clock, phase.name)

        return replace(phase, loss=loss)

    def phases(stage: Stage) -> Sequence[Phase]:
        return [watched(phase) for phase in plain(stage)]

    object.__setattr__(method, "phases", phases)
    try:
        yield
    finally:
        object.__delattr__(method, "phases")


def _with_moments(loss: Any, clock: Stopwatch, phase: str) -> Any:
    if not (isinstance(loss, Loss) and loss.total.requires_grad):
        return loss  # refused where it is used
    total = _WatchedBackward.apply(
        loss.total, lambda: clock.lap("update", phase), lambda: clock.lap("backward", phase)
    )
    return replace(loss, total=total)


@dataclass
class Ticks:
    """Seconds of each step of a stage, or of the mean step of each block of them."""

    name: str
    seconds: list[float] = field(default_factory=list)
    examples: int = 0
    steps: int = 0


class Whole(Observer):
    """Looks at the clock after each step, or each block of steps, and nowhere else."""

    def __init__(self, device: torch.device) -> None:
        self.stages: list[Ticks] = []
        self._wait = waiting_for(device)
        self._block = 1 if device.type == "cpu" else _BLOCK
        self._last, self._since = 0.0, 0
        self._drawn: dict[int, int] = {}  # phases of a step may share a batch

    def stage_entered(self, view: View) -> None:
        """Begin a stage."""
        self.stages.append(Ticks(view.stage))
        self._restart()

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Any) -> None:
        """Note how large the batch is."""
        self._drawn[id(streams)] = count_examples(streams)

    def stepped(self, view: View) -> None:
        """Look at the clock, now and then."""
        self.stages[-1].examples += sum(self._drawn.values())
        self.stages[-1].steps += 1
        self._drawn.clear()
        self._since += 1
        if self._since == self._block:
            self._note()

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """What is done between epochs is no step's; a closed form is a single one."""
        if self._since or not self.stages[-1].seconds:
            self._note()
        self._restart()

    def _note(self) -> None:
        self._wait()
        now = time.perf_counter()
        count = max(self._since, 1)
        self.stages[-1].seconds += [(now - self._last) / count]
        self._last, self._since = now, 0

    def _restart(self) -> None:
        self._wait()
        self._last, self._since = time.perf_counter(), 0


class Enough(Controller):
    """Ends each stage when enough of its steps were seen.

    Args:
        warm: steps that do not count yet: caches fill, workers begin to read ahead.
        steps: that count.
        seconds: after which fewer will do; as many again may go into warming up.
    """

    name = "enough"
    owns = frozenset({EndStage})

    def __init__(self, *, warm: int, steps: int, seconds: float) -> None:
        self.warmed: list[int] = []
        self._warm, self._steps, self._seconds = warm, steps, seconds
        self._count, self._began = 0, 0.0

    def after_stage_entered(self, view: View) -> Sequence[Command]:
        """Count anew."""
        self.warmed.append(0)
        self._count, self._began = 0, time.perf_counter()
        return ()

    def after_step(self, view: View) -> Sequence[Command]:
        """Whether that was enough."""
        self._count += 1
        now = time.perf_counter()
        late = now - self._began > self._seconds
        if not self.warmed[-1]:
            if self._count >= self._warm or (late and self._count >= 2):
                self.warmed[-1], self._began = self._count, now
            return ()
        counted = self._count - self.warmed[-1]
        if counted >= self._steps or (late and counted >= 3):
            return (EndStage(reason="measured"),)
        return ()
