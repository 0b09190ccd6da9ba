"""netwright predict, evaluate."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netwright.cli.figures import short
from netwright.cli.training import COSTS, TRUST, costs_of

if TYPE_CHECKING:
    from netwright.workflow.answer import Answer

__all__ = ["add_to", "promises"]

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
    costs: Path | None = COSTS,
    abstain: bool = typer.Option(False, "--abstain", help="Be silent where it is too unsure."),
    skip_bad: bool = _SKIP,
    trust: bool = TRUST,
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Answer for every example of DATA."""
    from netwright.workflow.answer import predict as answer
    from netwright.workflow.run import load

    answers = answer(
        load(run, trust=trust, root=root),
        data,
        costs=None if costs is None else costs_of(costs),
        abstain=abstain,
        skip_bad=skip_bad,
    )
    if output is not None:
        _write(answers, output)
        typer.echo(f"{len(answers)} answers: {output}")
    elif as_json:
        rows = [asdict(one) for one in answers]
        typer.echo(json.dumps(rows))
    else:
        for one in answers:
            sure = None if one.tasks else max(one.probabilities.values(), default=None)
            told = [one.label, one.prediction, "" if sure is None else f"{sure:.3f}"]
            told += [one.decision or "", ", ".join(one.candidates)]
            told += [f"[{short(low)}, {short(high)}]" for low, high in one.intervals.values()]
            typer.echo("\t".join(told).rstrip("\t"))


def evaluate(
    run: str = _RUN,
    data: str = typer.Argument(..., help="Labelled data of the kind the run was trained on."),
    split: str | None = typer.Option(None, help="train, val, test or all."),
    costs: Path | None = COSTS,
    skip_bad: bool = _SKIP,
    trust: bool = TRUST,
    as_json: bool = _JSON,
    root: Path = _ROOT,
) -> None:
    """Judge a run on labelled DATA, with intervals."""
    from netwright.workflow.answer import evaluate as judge
    from netwright.workflow.run import load

    record = judge(
        load(run, trust=trust, root=root),
        data,
        split=split,
        costs=None if costs is None else costs_of(costs),
        skip_bad=skip_bad,
    )
    if as_json:
        typer.echo(json.dumps(record))
        return
    typer.echo(f"{record['split']} of {data}, n = {record['n']}")
    widest = max([28, *(len(name) + 2 for name in record["metrics"])])
    for name, estimate in record["metrics"].items():
        low, high = estimate["low"], estimate["high"]
        interval = "" if low is None else f"  [{_aligned(low)}, {_aligned(high)}]"
        typer.echo(f"  {name:<{widest}}{_aligned(estimate['value'])}{interval}")
    for line in [*promises(record["calibration"] or {}), *(f"note: {n}" for n in record["notes"])]:
        typer.echo(line)


def _aligned(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10_000 else short(value)


def _write(answers: list[Answer], path: Path) -> None:
    from netwright.runs.files import replacing

    classes = list(answers[0].probabilities) if answers else []
    columns = list({**answers[0].tasks, **answers[0].numbers}) if answers else []
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf8") as out:
        rows = csv.writer(out)
        told = columns or ["prediction"]
        extra = _extra_columns(answers[0]) if answers else {}
        rows.writerow(["example", *told, *(f"p({name})" for name in classes), *extra])
        for one in answers:
            told_of = {**one.tasks, **one.numbers}
            given: list[object] = [told_of[name] for name in columns] or [one.prediction]
            shares = (f"{one.probabilities[name]:.6g}" for name in classes)
            rows.writerow([one.label, *given, *shares, *_extra_columns(one).values()])


def _extra_columns(one: Answer) -> dict[str, object]:
    """What costs and a calibration add."""
    extra: dict[str, object] = {} if one.decision is None else {"decision": one.decision}
    if one.candidates:
        extra["set"] = "|".join(one.candidates)
    for name, (low, high) in one.intervals.items():
        extra |= {f"low({name})": f"{low:.7g}", f"high({name})": f"{high:.7g}"}
    return extra


def promises(holds: dict[str, Any]) -> Iterator[str]:
    """How well a calibration holds, a line each."""
    if "before" in holds:
        for name, before in holds["before"].items():
            after = holds["after"][name]
            yield f"  {name.replace('_', ' ')}: {short(before)} → {short(after)} by temperature"
    if "sets" in holds:
        held, size = holds["sets"]["coverage"], holds["sets"]["size"]
        yield (
            f"  sets or intervals hold the truth {held['value']:.3f} [{held['low']:.3f}, "
            f"{held['high']:.3f}] of the time, {holds['sets']['asked']:.3g} asked; "
            f"mean size {short(size)}"
        )
    if "answered" in holds:
        share, wrong = holds["answered"]["share"], holds["answered"]["wrong"]
        of_them = ""
        if wrong is not None:
            interval = f"[{wrong['low']:.4f}, {wrong['high']:.4f}]"
            of_them = f", of which {wrong['value']:.4f} {interval} are wrong"
        yield f"  answered when it may abstain: {share:.3f}{of_them}"
