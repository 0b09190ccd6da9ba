"""netwright search."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.cli.figures import short
from netwright.cli.training import (
    BATCH_SIZE,
    DATA,
    DEVICE,
    EPOCHS,
    SET,
    SKIP_BAD,
    TARGET,
    wished_recipe,
)

if TYPE_CHECKING:
    from netwright.workflow.searching.result import Found, SearchResult

__all__ = ["PLAN", "add_to", "resume_search"]

PLAN = "search.json"  # marks the folder of a search; said again to be found without torch


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(search)


def search(
    data: str = DATA,
    by: str = typer.Option(
        "evolution",
        help="random, evolution or controller; with options: '{name: evolution, population: 20}'.",
    ),
    budget: int | None = typer.Option(None, help="Cells that each search trains; 20 by default."),
    seconds: float | None = typer.Option(
        None, help="Processor time that the trainings of each search may take."
    ),
    seeds: int = typer.Option(3, help="With how many the winner is trained anew and judged."),
    alone: bool = typer.Option(False, "--alone", help="Without random search at the same cost."),
    nodes: int = typer.Option(4, help="Of a cell, input and output among them."),
    operations: str | None = typer.Option(
        None, help="With commas: zero, skip, conv-1x1, conv-3x3, pool-3x3; all by default."
    ),
    recipe: Path | None = typer.Option(None, help="A recipe of the trials."),
    epochs: int | None = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    target: str | None = TARGET,
    seed: int | None = typer.Option(None, help="Of the search and of every trial."),
    device: str | None = DEVICE,
    name: str | None = typer.Option(None, help="Of the folder."),
    skip_bad: bool | None = SKIP_BAD,
    changes: list[str] = SET,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Search for an architecture for the pictures of DATA: which operations, where."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        device=device,
    )
    from netwright.runs.recipe import parse_assignment
    from netwright.workflow.searching.plan import SearchPlan
    from netwright.workflow.searching.search import search_recipe

    plan = SearchPlan(
        by=parse_assignment(f"--by={by}")[1],
        trials=budget,
        seconds=seconds,
        seeds=seeds,
        alone=alone,
        nodes=nodes,
        operations=operations and [one.strip() for one in operations.split(",")],
    )
    _tell(search_recipe(wished, plan, name=name, root=root), as_json=as_json)


def resume_search(path: Path, *, trust: bool) -> None:
    """Go on with a search and say what came out."""
    from netwright.workflow.searching.search import go_on

    _tell(go_on(path, trust=trust), as_json=False)


def _tell(found: SearchResult, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    console.print(_table(found))
    typer.echo(f"cell:   {' '.join(found.best.cell or ())}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"trials: {found.path / 'trials.csv'}")
    typer.echo(f"recipe: netwright train --recipe {found.path / 'best.yaml'}")


def _table(found: SearchResult) -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = ["search", "trained", "repeats", "broken", "processor time", "parameters"]
    headings += [f"best {found.metric} in validation", f"{found.judged_on}, other seeds"]
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "search" else "right")
    for one in found.found.values():
        table.add_row(*_cells(one))
    return table


def _cells(one: Found) -> list[str]:
    counts = [one.by, str(one.trained), str(one.repeats), str(one.broken), f"{one.seconds:.0f} s"]
    best = "–" if one.validation is None else short(one.validation)
    judged = "–" if one.mean is None else f"{short(one.mean)} ({len(one.judged)})"
    return [*counts, f"{one.parameters or 0:,}", best, judged]
