"""netwright baseline."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netwright.cli.figures import short
from netwright.cli.training import DATA, SET, SKIP_BAD, TARGET, TRUST

if TYPE_CHECKING:
    from netwright.evaluate.baselines.outcome import Outcome, SideBySide

__all__ = ["add_to"]

_WIDE = 110  # letters a line, from which there is room for what was chosen
_OUTPUT = typer.Option(None, "--output", "-o", help="A .json or .csv file to write.")


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(baseline)


def baseline(
    data: str = DATA,
    features: str | None = typer.Option(None, help="Also on the features of a run or network."),
    beside: str | None = typer.Option(None, help="A run on the same data to compare with."),
    only: str | None = typer.Option(None, help="Names, separated by commas."),
    target: str | None = TARGET,
    skip_bad: bool | None = SKIP_BAD,
    seconds: float = typer.Option(60.0, help="That each model may take, about."),
    memory: str = typer.Option("2 GB", help="That the columns of a model may take."),
    tolerance: float = typer.Option(0.0, help="Loss of the metric that does no harm."),
    output: Path | None = _OUTPUT,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    changes: list[str] = SET,
    trust: bool = TRUST,
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Fit classical models on DATA and name the simplest that does the job."""
    from netwright._errors import must_be
    from netwright.workflow.baseline import baseline as compare

    if output is not None and output.suffix not in (".json", ".csv"):
        raise must_be("output", "a .json or .csv file", str(output))
    asked = [] if skip_bad is None else [f"data.skip_bad={str(skip_bad).lower()}"]
    found = compare(
        data,
        features=features,
        beside=beside,
        only=[name.strip() for name in only.split(",")] if only else (),
        target=target,
        changes=[*asked, *changes],
        seconds=seconds,
        memory=memory,
        tolerance=tolerance,
        trust=trust,
        root=root,
        tell=_tell if sys.stderr.isatty() else None,
    )
    if output is not None:
        _write(found, output)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
    else:
        _show(found)
    if output is not None:
        typer.echo(f"written: {output}", err=True)


def _tell(line: str) -> None:
    typer.echo(f"  {line} …", err=True)


def _show(found: SideBySide) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    several = len({one.inputs for one in found.outcomes}) > 1
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    wide = console.width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    second = _second(found)
    for title in ("model", *(("inputs",) if several else ())):
        table.add_column(title, overflow="fold")
    for title in (
        _column(found.metric),
        "loss to the best",
        *map(_column, second),
        "fit",
        "answer",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("chosen", overflow="fold")
    for place, one in enumerate(found.outcomes):
        mark = " ←" if place == found.simplest else ""
        cells = [f"{one.name}{mark}", *([one.inputs] if several else [])]
        cells += [_interval(one, found.metric), _loss(one)]
        cells += [_interval(one, name, alone=True) for name in second]
        cells += [_time(one.fit_seconds), _time(one.predict_seconds)]
        if wide:
            cells.append(", ".join(f"{name}={value}" for name, value in one.chosen.items()))
        table.add_row(*cells)
    console.print(f"{found.data}, test split, n = {found.n_test}", markup=False)
    console.print(table)
    for line in _said(found):
        console.print(line, markup=False)


def _second(found: SideBySide) -> list[str]:
    """One more figure, where there is one that asks for more than the first."""
    asked = ("log_loss", "mean_absolute_error", "micro_f1")
    there = [name for name in asked if any(name in one.metrics for one in found.outcomes)]
    return [name for name in there if name != found.metric][:1]


def _said(found: SideBySide) -> Iterator[str]:
    good, best = found.does_the_job, found.best
    yield f"the simplest that does the job: {_called(good, found)}, {_figures(good, found)}"
    if good is not best and good.loss is not None:
        within = f" or at most {short(found.tolerance)}" if found.tolerance else ""
        yield (
            f"  the best is {_called(best, found)}; on the same {found.n_test} examples the "
            f"simplest loses {_loss(good)}: perhaps nothing{within}, perhaps "
            f"{short(good.loss.high)}; more test examples would tell"
        )
        yield from _otherwise(good, best, found)
    elif len(found.outcomes) > 1:
        yield "  it is the best, and every simpler one loses to it"
    yield f"  from simple to not: {', '.join(dict.fromkeys(found.order))}"
    for one in found.outcomes:
        for note in one.notes:
            yield f"note: {_called(one, found)}: {note}"
    reasons = dict.fromkeys(found.skipped.values())
    for why in reasons:
        names = [name for name, reason in found.skipped.items() if reason == why]
        yield f"left out: {', '.join(names)}: {why}"


def _otherwise(good: Outcome, best: Outcome, found: SideBySide) -> Iterator[str]:
    """The second figure of both, by which nothing was chosen."""
    for name in _second(found):
        one, other = good.metrics.get(name), best.metrics.get(name)
        if one is not None and other is not None:
            yield f"  by {_column(name)} it is {short(one.value)} against {short(other.value)}"


def _called(one: Outcome, found: SideBySide) -> str:
    alike = [other for other in found.outcomes if other.name == one.name]
    return one.name if len(alike) == 1 else f"{one.name} on {one.inputs}"


def _figures(one: Outcome, found: SideBySide) -> str:
    return f"{found.metric} {_interval(one, found.metric)}"


def _interval(one: Outcome, metric: str, *, alone: bool = False) -> str:
    estimate = one.metrics.get(metric)
    if estimate is None:
        return "–"
    if alone or estimate.low is None or estimate.high is None:
        return short(estimate.value)
    return _between(estimate.value, estimate.low, estimate.high)


def _loss(one: Outcome) -> str:
    if one.loss is None:
        return "–"
    return _between(one.loss.value, one.loss.low, one.loss.high)


def _between(value: float, low: float, high: float) -> str:
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


def _column(metric: str) -> str:
    return {"root_mean_squared_error": "rmse", "mean_absolute_error": "mae"}.get(metric, metric)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def _write(found: SideBySide, path: Path) -> None:
    from netwright.runs.files import replacing

    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf8") as out:
        if path.suffix == ".json":
            json.dump(found.to_json(), out, indent=1)
            return
        rows = [*_rows(found)]
        columns = dict.fromkeys(name for row in rows for name in row)
        writer = csv.DictWriter(out, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)


def _rows(found: SideBySide) -> Iterator[dict[str, Any]]:
    for one in found.outcomes:
        loss = one.loss
        row: dict[str, Any] = {
            "data": found.data,
            "model": one.name,
            "inputs": one.inputs,
            "simplest": "yes" if one is found.does_the_job else "no",
            "n_train": one.n_train,
            "n_test": found.n_test,
            "chosen": json.dumps(dict(one.chosen)),
            "fit_seconds": one.fit_seconds,
            "choose_seconds": one.choose_seconds,
            "predict_seconds": one.predict_seconds,
            "notes": "; ".join(one.notes),
            "loss": None if loss is None else loss.value,
            "loss_low": None if loss is None else loss.low,
            "loss_high": None if loss is None else loss.high,
        }
        for name, estimate in one.metrics.items():
            row |= {name: estimate.value, f"{name}_low": estimate.low}
            row |= {f"{name}_high": estimate.high}
        yield row
    for name, why in found.skipped.items():
        yield {"data": found.data, "model": name, "notes": f"left out: {why}"}
