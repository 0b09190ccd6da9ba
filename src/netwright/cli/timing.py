"""netwright time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.cli.training import (
    BATCH_SIZE,
    DATA,
    DEVICE,
    EPOCHS,
    METHOD,
    MODEL,
    SET,
    SKIP_BAD,
    TARGET,
    wished_recipe,
)

if TYPE_CHECKING:
    from rich.table import Table

    from netwright.workflow.timing.result import Loading, Memory, Part, StageTime, Timing

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(time)


def time(
    data: str = DATA,
    recipe: Path | None = typer.Option(None, help="A recipe to look at (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    method: str | None = METHOD,
    epochs: int | None = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    target: str | None = TARGET,
    device: str | None = DEVICE,
    skip_bad: bool | None = SKIP_BAD,
    changes: list[str] = SET,
    steps: int | None = typer.Option(None, help="Steps that are measured."),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Say where the time of a run on DATA would go, and what fits in memory; leaves nothing."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        model=model,
        method=method,
        epochs=epochs,
        batch_size=batch_size,
        device=device,
    )

    from netwright.workflow.timing import time_step

    timing = time_step(wished, steps=steps)
    if as_json:
        typer.echo(json.dumps(timing.to_json()))
        return
    _show(timing)


def _show(timing: Timing) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(timing.data, markup=False)
    console.print(_setting(timing), markup=False)
    for stage in timing.stages:
        console.print(_table(stage, named=len(timing.stages) > 1))
        console.print(_speed(stage), markup=False)
    for line in (_run(timing), _loading(timing.loading), *_memory(timing.memory), *timing.advice):
        if line:
            console.print(line, markup=False)


def _setting(timing: Timing) -> str:
    workers = timing.loading.workers
    said = [
        timing.model,
        timing.device,
        timing.precision,
        f"batches of {timing.batch_size}",
        f"cut into {timing.micro_batch_size}" if timing.micro_batch_size else "",
        "" if workers is None else f"{workers} workers",
    ]
    return " · ".join(filter(None, said))


def _table(stage: StageTime, *, named: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"stage {stage.name}" if named else "part of a step")
    table.add_column("median", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("share", justify="right")
    phases = {part.phase for part in stage.parts if part.phase}
    for part in (*stage.parts, stage.whole):
        name = f"{part.name} {part.phase}" if part.phase and len(phases) > 1 else part.name
        name = "whole step" if part is stage.whole else name
        table.add_row(name, _seconds(part.seconds), _interval(part), f"{stage.share(part):.1%}")
    return table


def _speed(stage: StageTime) -> str:
    return (
        f"{_count(1 / stage.mean)} steps/s · {_count(stage.examples / stage.mean)} examples/s "
        f"({stage.measured} steps measured)"
    )


def _run(timing: Timing) -> str:
    steps = sum(stage.steps for stage in timing.stages)
    epochs = sum(stage.epochs for stage in timing.stages)
    judged = "" if timing.validation is None else f", {_seconds(timing.validation)} a validation"
    return f"the whole run: about {_seconds(timing.run)} ({steps} steps, {epochs} epochs{judged})"


def _loading(loading: Loading) -> str:
    bound = "loader-bound" if loading.bound else "not loader-bound"
    said = f"{bound}: a step waits {loading.waiting:.0%} of its time for data"
    if loading.reading is None or loading.enough is None:
        return said
    return (
        f"{said}; one process reads a step's in {_seconds(loading.reading)}, "
        f"{loading.enough} workers would keep up"
    )


def _memory(memory: Memory) -> list[str]:
    listed = {
        "parameters": memory.parameters + memory.buffers,
        "their average": memory.average,
        "gradients": memory.gradients,
        "optimiser": memory.optimizer,
        "activations": memory.activations,
        "batch": memory.batch,
        "data": memory.data,
    }
    parts = " · ".join(f"{name} {_bytes(size)}" for name, size in listed.items() if size)
    peak = "" if memory.peak is None else f", {_bytes(memory.peak)} at the peak"
    lines = [f"memory: about {_bytes(memory.total)}{peak}: {parts}"]
    if memory.available is not None:
        fits = "" if memory.fits is None else f": a batch of {memory.fits} would fit"
        an_example = f"{_bytes(memory.an_example)} an example"
        lines.append(f"{an_example}, {_bytes(memory.available)} left{fits}")
    return lines


def _interval(part: Part) -> str:
    unit, factor = _unit(max(abs(part.low), abs(part.high)))
    return f"{part.low * factor:.3g} – {part.high * factor:.3g} {unit}"


def _seconds(value: float) -> str:
    if value >= 120:
        minutes = round(value / 60)
        return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    unit, factor = _unit(value)
    return f"{value * factor:.3g} {unit}"


def _unit(value: float) -> tuple[str, float]:
    size = abs(value)
    return ("s", 1.0) if size >= 1 else ("ms", 1e3) if size >= 1e-3 else ("µs", 1e6)


def _bytes(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
