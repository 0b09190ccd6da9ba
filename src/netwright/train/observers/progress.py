"""A bar on the terminal: loss, metric, throughput and time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from netwright.data.batch import Streams, count_examples
from netwright.runs.records import Ended
from netwright.train.control import Observer, View
from netwright.train.update import Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from netwright.train.compiled import Compilation

__all__ = ["Progress"]

_PAUSE = 0.2  # seconds between looks at the loss, each of which waits for the device


class Progress(Observer):
    """Draws while the run goes on; says nothing where the console is not a terminal.

    Args:
        console: where to draw.
        title: said once, above the bar.
    """

    def __init__(self, console: Console, *, title: str = "") -> None:
        self._console = console
        self._title = title
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._mean: Tensor | None = None
        self._loss = self._metric = ""
        self._looked = 0.0
        self._examples = 0

    def stage_entered(self, view: View) -> None:
        """Begin a bar of the stage's length."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            if self._title:
                self._console.print(self._title, markup=False, highlight=False)
            self._bar = _bar(self._console)
            self._bar.start()
        self._task = self._bar.add_task(
            _name(view),
            total=view.stage_steps,
            completed=view.stage_step,
            said="",
        )
        self._examples, self._looked = 0, time.perf_counter()

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Outcome) -> None:
        """Keep the loss, unread."""
        self._mean = outcome.mean
        self._examples += count_examples(streams)

    def compiled(self, view: View, *, compilation: Compilation) -> None:
        """Say how long it took; why there is no graph is said even where nothing is drawn."""
        if self._console.is_terminal or compilation.reason is not None:
            self._console.print(str(compilation), markup=False, highlight=False)

    def stepped(self, view: View) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        now = time.perf_counter()
        if now - self._looked < _PAUSE:
            return
        rate = self._examples / (now - self._looked)
        self._looked, self._examples = now, 0
        if self._mean is not None:
            self._loss = f"loss {float(self._mean):.4f}"
        epoch = f"epoch {view.epoch + 1}/{-(-view.stage_steps // view.steps_per_epoch)}"
        said = " · ".join(filter(None, (epoch, self._loss, self._metric, f"{rate:,.0f}/s")))
        self._bar.update(self._task, completed=view.stage_step, said=said)

    def validated(self, view: View, *, metrics: Mapping[str, float]) -> None:
        """Show the metric the run is selected by."""
        name, value = next(iter(metrics.items()), ("", 0.0))
        self._metric = f"val {name} {value:.4f}" if name else ""

    def ended(self, view: View, *, ended: Ended) -> None:
        """Leave the finished bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=view.stage_step)
        self.close()

    def close(self) -> None:
        """Give the terminal back, also when the run broke off without an end."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(console: Console) -> Bar:
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        refresh_per_second=1 / _PAUSE,
    )


def _name(view: View) -> str:
    name = view.stage if view.stage != "main" else "training"
    number, of = view.start
    return name if of == 1 else f"{name} {number}/{of}"
