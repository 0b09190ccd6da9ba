"""netwright runs, compare, report, clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from netwright.cli.figures import short

__all__ = ["add_to"]

_ROOT = typer.Option(Path("runs"), "--root", help="Folder of all runs.")
_JSON = typer.Option(False, "--json", help="Print plain data.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.command()(runs)
    app.command()(compare)
    app.command()(report)
    app.command()(clean)


def runs(as_json: bool = _JSON, root: Path = _ROOT) -> None:
    """List the runs with their state and first figure."""
    from netwright.runs.overview import overview
    from netwright.runs.store import list_runs

    rows = [overview(folder) for folder in list_runs(root)]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo(f"no runs in {root}; netwright train digits makes one")
        return
    for row in rows:
        figure = "" if row["figure"] is None else f"{row['split']} {row['metric']} "
        value = "" if row["figure"] is None else short(row["figure"])
        typer.echo(
            f"{row['name']:<24} {row['state']:<12} {row['model']:<24} {figure}{value}".rstrip()
        )


def compare(
    names: list[str] = typer.Argument(..., metavar="RUN RUN...", help="Two runs or more."),
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Say what differs between runs: recipe, environment, outcome."""
    from netwright.runs.compare import compare as differences
    from netwright.runs.store import RunFolder

    found = differences([RunFolder.find(name, root=root) for name in names])
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    for title, table in (("recipe", found.recipe), ("environment", found.environment)):
        typer.echo(f"{title}: {'' if table else 'the same'}".rstrip())
        for field, values in table.items():
            typer.echo(f"  {field}: {' | '.join(_word(value) for value in values)}")
    for split, metrics in found.outcome.items():
        typer.echo(f"{split}:")
        for metric, estimates in metrics.items():
            typer.echo(f"  {metric}: {' | '.join(_estimate(one) for one in estimates)}")
    for pair in found.paired:
        typer.echo(
            f"{pair.first} − {pair.second}, {pair.figure} on the same {pair.n} examples of "
            f"{pair.split}: {_signed(pair.difference)} [{_signed(pair.low)}, {_signed(pair.high)}]"
        )


def report(
    run: str = typer.Argument(..., help="Path or name of a run."),
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Write the run's report anew and say where it is."""
    from netwright.report import write_report
    from netwright.runs.store import RunFolder

    path = write_report(RunFolder.find(run, root=root))
    typer.echo(json.dumps({"report": str(path)}) if as_json else str(path))


def clean(
    names: list[str] = typer.Argument(None, metavar="[RUN...]", help="Runs; all without any."),
    dry: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    whole: bool = typer.Option(False, "--whole", help="Remove the named runs altogether."),
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Free disk space: snapshots of finished runs, and what killed ones left half-written."""
    from dataclasses import asdict

    from netwright._errors import must_be
    from netwright.runs.clean import clean as free
    from netwright.runs.disk_space import say_space
    from netwright.runs.store import RunFolder, list_runs

    if whole and not names:
        raise must_be("RUN", "named for --whole", None, "It removes the runs altogether.")
    find = RunFolder.named if whole else RunFolder.find
    runs = [find(name, root=root) for name in names] if names else list_runs(root)
    done = free(runs, dry=dry, whole=whole)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in done]))
        return
    what = "all of it" if whole else "snapshots"
    for one in done:
        kept = f"{what} kept: {one.kept}" if one.kept else ""
        if one.files or kept:
            typer.echo(f"{one.name:<24} {say_space(one.freed):>8}  {kept}".rstrip())
    total = say_space(sum(one.freed for one in done))
    typer.echo(f"{total} {'would be ' if dry else ''}freed")


def _signed(value: float) -> str:
    return f"{value:+.4f}" if abs(value) < 10_000 else f"{value:+.4g}"


def _word(value: Any) -> str:
    return "–" if value is None else str(value)


def _estimate(estimate: Any) -> str:
    if estimate is None:
        return "–"
    if estimate.get("low") is None:
        return short(estimate["value"])
    return f"{short(estimate['value'])} [{short(estimate['low'])}, {short(estimate['high'])}]"
