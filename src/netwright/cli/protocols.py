"""netwright cross-validate, calibrate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.cli.answers import promises
from netwright.cli.figures import short
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
    TRUST,
    wished_recipe,
)

if TYPE_CHECKING:
    from netwright.evaluate.cross_validation import FoldFigures
    from netwright.workflow.cross_validation import CrossValidation

__all__ = ["PLAN", "add_to", "resume_folds"]

PLAN = "plan.json"  # marks the folder of a cross-validation; said again to be found without torch


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.command(name="cross-validate")(cross_validate)
    app.command()(calibrate)


def cross_validate(
    data: str = DATA,
    folds: str = typer.Option("5", help="How many, or leave-one-out (one group, with groups)."),
    repeats: int = typer.Option(1, help="How often the folds are cut anew."),
    hold_back: float = typer.Option(0.0, help="Share that no fold sees."),
    group: str | None = typer.Option(None, help="Column whose groups stay together."),
    time: str | None = typer.Option(None, help="Column of times: later folds are held out."),
    gap: float | None = typer.Option(
        None, help="Time before what is held out that is not used; days for dates."
    ),
    recipe: Path | None = typer.Option(None, help="A recipe to carry out (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    method: str | None = METHOD,
    epochs: int | None = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    target: str | None = TARGET,
    seed: int | None = typer.Option(None, help="Of the first repeat's training."),
    device: str | None = DEVICE,
    name: str | None = typer.Option(None, help="Of the folder."),
    skip_bad: bool | None = SKIP_BAD,
    changes: list[str] = SET,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Judge every example of DATA once by a model that has not seen it; a run a fold."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        group=group,
        time=time,
        hold_back=hold_back,
        gap=gap,
        model=model,
        method=method,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        device=device,
    )

    from netwright.workflow.cross_validation import cross_validate_recipe

    count = int(folds) if folds.lstrip("-").isdecimal() else folds
    found = cross_validate_recipe(wished, folds=count, repeats=repeats, name=name, root=root)
    _tell(found, as_json=as_json)


def calibrate(
    run: str = typer.Argument(..., help="Path or name of a run."),
    data: str | None = typer.Argument(None, help="Labelled data; the run's own where left out."),
    split: str | None = typer.Option(None, help="calibration, val, test or all."),
    temperature: bool = typer.Option(True, help="Fit the temperature of the probabilities."),
    alpha: float = typer.Option(0.1, help="How often sets and intervals may miss the truth."),
    sets: bool = typer.Option(True, help="Fit prediction sets or intervals."),
    score: str = typer.Option("lac", help="Of sets: lac, aps or raps."),
    risk: float | None = typer.Option(None, help="Share of answers that may be wrong; --abstain."),
    delta: float = typer.Option(0.05, help="How likely it may be that more are."),
    skip_bad: bool = typer.Option(False, "--skip-bad", help="Leave out what can't be used."),
    trust: bool = TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Make RUN's probabilities honest, its sets hold the truth, and say when it should abstain."""
    from netwright.workflow.calibration import calibrate as fit
    from netwright.workflow.run import load

    found = fit(
        load(run, trust=trust, root=root),
        data,
        split=split,
        temperature=temperature,
        alpha=alpha if sets else None,
        score=score,
        risk=risk,
        delta=delta,
        skip_bad=skip_bad,
    )
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    typer.echo(f"fitted on {found.split}, n = {found.n}")
    if found.temperature is not None:
        typer.echo(f"  temperature {found.temperature:.4g}")
    if found.abstention is not None:
        one = found.abstention
        typer.echo(
            f"  answers from a confidence of {one.threshold:.4f} on: {one.coverage:.3f} of them, "
            f"at most {one.bound:.4f} wrong with probability {1 - one.delta:.3g}"
        )
    for name, holds in found.judged.items():
        typer.echo(f"{name}, n = {holds['n']}")
        for line in promises(dict(holds)):
            typer.echo(line)
    for note in found.notes:
        typer.echo(f"note: {note}")


def resume_folds(path: Path, *, trust: bool) -> None:
    """Go on with a cross-validation and say what came out."""
    from netwright.workflow.cross_validation import go_on

    _tell(go_on(path, trust=trust), as_json=False)


def _tell(found: CrossValidation, *, as_json: bool) -> None:
    if not found.is_whole:
        typer.echo(
            f"stopped after {len(found.runs)} of {found.of} folds; "
            f"go on with: netwright resume {found.path}",
            err=as_json,
        )
        raise typer.Exit(130)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    console.print(_table(found))
    for note in found.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"runs:   {len(found.runs)} in {found.path}")
    typer.echo(f"report: {found.path / 'report.html'}")


def _table(found: CrossValidation) -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    repeated = any(one.corrected for one in found.figures.values())
    headings = ["metric", "mean over folds", "sd"]
    headings += ["corrected interval"] if repeated else []
    for heading in (*headings, "all folds together", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for name, one in found.figures.items():
        table.add_row(name, *_cells(one, repeated=repeated))
    return table


def _cells(one: FoldFigures, *, repeated: bool) -> list[str]:
    cells = ["–" if one.mean is None else short(one.mean), "–" if one.sd is None else short(one.sd)]
    if repeated:
        inner = one.corrected
        cells.append("–" if inner is None else f"[{short(inner.low)}, {short(inner.high)}]")
    pooled = one.pooled
    if pooled is None:
        return [*cells, "–", "–"]
    cells.append(short(pooled.value))
    low, high = pooled.low, pooled.high
    return [*cells, "–" if low is None or high is None else f"[{short(low)}, {short(high)}]"]
