"""netwright predict, evaluate."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.cli.figures import short
from netwright.cli.training import TRUST

if TYPE_CHECKING:
    from netwright.workflow.answer import Answer

__all__ = ["add_to"]

_RUN = typer.Argument(..., help="Path or name of a run.")
_ROOT = typer.Option(Path("runs"), "--root", help="Folder of all runs.")
_JSON = typer.Option(False, "--json", help="Print plain data.")
_SKIP = typer.Option(False, "--skip-bad", help="Leave out what can't be read.")


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.command()(predict)
    app.command()(evaluate)


def predict(
    run: str = _RUN,
    data: str = typer.Argument(..., help="Pictures, a table, or a data set, without labels."),
    output: Path | None = typer.Option(None, "--output", "-o", help="A CSV file to write."),
    skip_bad: bool = _SKIP,
    trust: bool = TRUST,
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Answer for every example of DATA."""
    from netwright.workflow.answer import predict as answer
    from netwright.workflow.run import load

    answers = answer(load(run, trust=trust, root=root), data, skip_bad=skip_bad)
    if output is not None:
        _write(answers, output)
        typer.echo(f"{len(answers)} answers: {output}")
    elif as_json:
        rows = [
            {
                "label": one.label,
                "prediction": one.prediction,
                "probabilities": one.probabilities,
                "numbers": one.numbers,
            }
            for one in answers
        ]
        typer.echo(json.dumps(rows))
    else:
        for one in answers:
            sure = max(one.probabilities.values(), default=None)
            typer.echo(f"{one.label}\t{one.prediction}" + ("" if sure is None else f"\t{sure:.3f}"))


def evaluate(
    run: str = _RUN,
    data: str = typer.Argument(..., help="Labelled data of the kind the run was trained on."),
    split: str | None = typer.Option(None, help="train, val, test or all."),
    skip_bad: bool = _SKIP,
    trust: bool = TRUST,
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Judge a run on labelled DATA, with intervals."""
    from netwright.workflow.answer import evaluate as judge
    from netwright.workflow.run import load

    record = judge(load(run, trust=trust, root=root), data, split=split, skip_bad=skip_bad)
    if as_json:
        typer.echo(json.dumps(record))
        return
    typer.echo(f"{record['split']} of {data}, n = {record['n']}")
    for name, estimate in record["metrics"].items():
        low, high = estimate["low"], estimate["high"]
        interval = "" if low is None else f"  [{_aligned(low)}, {_aligned(high)}]"
        typer.echo(f"  {name:<28}{_aligned(estimate['value'])}{interval}")


def _aligned(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10_000 else short(value)


def _write(answers: list[Answer], path: Path) -> None:
    from netwright.runs.files import replacing

    classes = list(answers[0].probabilities) if answers else []
    columns = list(answers[0].numbers) if answers else []
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf8") as out:
        rows = csv.writer(out)
        told = columns or ["prediction"]
        rows.writerow(["example", *told, *(f"p({name})" for name in classes)])
        for one in answers:
            given: list[object] = [one.numbers[name] for name in columns] or [one.prediction]
            shares = (f"{one.probabilities[name]:.6g}" for name in classes)
            rows.writerow([one.label, *given, *shares])
