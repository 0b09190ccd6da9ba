"""netwright train, resume."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netwright.cli.figures import short

if TYPE_CHECKING:
    from netwright.runs.recipe import Recipe
    from netwright.workflow.run import Run

__all__ = ["BATCH_SIZE", "DATA", "DEVICE", "EPOCHS", "METHOD", "MODEL", "SET", "SKIP_BAD"]
__all__ += ["COSTS", "TARGET", "TRUST", "add_to", "costs_of", "tell", "wished_recipe"]

TRUST = typer.Option(False, "--trust", help="Run the Python files that the run's recipe names.")

DATA = typer.Argument(None, help="A built-in set, one of `netwright data`, or a path.")
SET = typer.Option([], "--set", metavar="FIELD=VALUE", help="Change any field of the recipe.")
MODEL = typer.Option(None, help="A name of `netwright find`, or my.py:Net.")
METHOD = typer.Option(None, help="How it learns: a name, or my.py:Mine.")
EPOCHS = typer.Option(None, help="Passes over the training split.")
BATCH_SIZE = typer.Option(None, help="Examples an update.")
TARGET = typer.Option(None, help="Column of a table; several with commas.")
DEVICE = typer.Option(None, help="auto, cpu, cuda, …")
SKIP_BAD = typer.Option(None, "--skip-bad", help="Leave out examples that can't be used.")
COSTS = typer.Option(None, help="CSV of costs: a row a true class, a column a decision.")
_ROOT = typer.Option(Path("runs"), "--root", help="Folder of all runs.")

_FIELDS = {  # an option → the field of the recipe that it is short for
    "data": "data.name",
    "target": "data.target",
    "group": "data.group",
    "time": "data.time",
    "skip_bad": "data.skip_bad",
    "hold_back": "split.test",
    "gap": "split.gap",
    "model": "model",
    "method": "method",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "learning_rate": "optimizer.learning_rate",
    "costs": "costs",
    "members": "ensemble.members",
    "seed": "seed",
    "device": "device",
    "doctor": "doctor",
    "tensorboard": "tensorboard",
}
_TRANSFER = {"features": "frozen-features", "finetune": "fine-tuning"}


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.command()(train)
    app.command()(resume)


def train(
    data: str = DATA,
    recipe: Path | None = typer.Option(None, help="A recipe to carry out (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    method: str | None = METHOD,
    transfer: str | None = typer.Option(
        None,
        metavar="features|finetune",
        help="Begin with trained weights: the last layer, or all.",
    ),
    epochs: int | None = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    learning_rate: float | None = typer.Option(None, help="The highest that is reached."),
    target: str | None = TARGET,
    costs: Path | None = COSTS,
    seed: int | None = typer.Option(None, help="Of weights, order and augmentation."),
    device: str | None = DEVICE,
    name: str | None = typer.Option(None, help="Of the run's folder."),
    members: int | None = typer.Option(None, help="Train so many, which answer together."),
    doctor: bool | None = typer.Option(None, "--doctor/--no-doctor", help="Watch the run."),
    tensorboard: bool | None = typer.Option(
        None, "--tensorboard", help="Write event files: curves, and histograms every 100 steps."
    ),
    skip_bad: bool | None = SKIP_BAD,
    changes: list[str] = SET,
    root: Path = _ROOT,
) -> None:
    """Train on DATA; ends with a run folder and its report."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        model=model,
        method=_method_of(transfer, method),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        costs=costs and costs_of(costs),
        seed=seed,
        device=device,
        doctor=doctor,
        members=members,
        tensorboard=tensorboard,
    )

    from netwright.workflow.fit import run_recipe

    tell(run_recipe(wished, name=name, root=root))


def _method_of(transfer: str | None, method: str | None) -> str | None:
    """`--transfer` in the words of `--method`."""
    from netwright._errors import must_be, unknown

    if transfer is None:
        return method
    if method is not None:
        raise must_be("--method", "left out with --transfer", method)
    if transfer not in _TRANSFER:
        raise unknown("--transfer", transfer, _TRANSFER)
    return _TRANSFER[transfer]


def costs_of(path: Path) -> dict[str, dict[str, float]]:
    """A file of costs."""
    from netwright.evaluate.costs import read_costs

    return read_costs(path)


def wished_recipe(recipe: Path | None, *, changes: Sequence[str], **words: Any) -> Recipe:
    """The recipe of a command: a file's, or a new one, changed by the command's own words.

    Args:
        recipe: file to begin with.
        changes: of `--set`.
        words: options by their names; None where one is not given. `data` is there.
    """
    from netwright._errors import must_be
    from netwright.runs.recipe import Recipe

    data = words["data"]
    if data is None and recipe is None:
        raise must_be("DATA", "given, or --recipe", None, "For example: netwright train digits")
    start = Recipe.read(recipe) if recipe else Recipe.parse({"data": {"name": data}})
    if data is not None:  # other data than the recipe's are no mistake where they are named
        start = start.with_fields({"data.fingerprint": None})
    given = {_FIELDS[word]: value for word, value in words.items() if value is not None}
    return start.with_fields(given).changed(changes)


def resume(
    run: str = typer.Argument(..., help="Path or name of an interrupted run."),
    trust: bool = TRUST,
    root: Path = _ROOT,
) -> None:
    """Go on with a run, a cross-validation or a search that was interrupted or killed."""
    from netwright.cli import protocols, searching
    from netwright.workflow.fit import resume as go_on

    for place in (Path(run), root / run):
        for mark, resumed in (
            (protocols.PLAN, protocols.resume_folds),
            (searching.PLAN, searching.resume_search),
        ):
            if (place / mark).is_file():
                resumed(place, trust=trust)
                return
    tell(go_on(run, trust=trust, root=root))


def tell(run: Run) -> None:
    """Say what came out of a run, and where it is."""
    from netwright.runs.beginning import STARTED, began_with
    from netwright.runs.finished import WEIGHTS
    from netwright.workflow.launch import launched_rank
    from netwright.workflow.understood import understood

    if launched_rank() > 0:
        return
    if not run.folder.has(WEIGHTS):
        typer.echo(f"stopped; go on with: netwright resume {run.folder.path}")
        raise typer.Exit(130)  # as a shell has it for what an interrupt ended
    if not sys.stderr.isatty():  # there it stands above the bar
        typer.echo(understood(run.folder.read_json("data.json")))
    if run.folder.has(STARTED):
        typer.echo(f"starts from {began_with(run.folder.read_json(STARTED))}")
    for split in ("test", "val"):
        if run.folder.has(f"evaluation/{split}.json"):
            typer.echo(f"{split}: {figures(run.folder.read_json(f'evaluation/{split}.json'))}")
            _tell_of_members(run, split)
            break
    for finding in run.findings:
        typer.echo(f"{finding.severity}: {finding.message}")
    typer.echo(f"run:    {run.folder.path}")
    typer.echo(f"report: {run.folder.path / 'report.html'}")


def _tell_of_members(run: Run, split: str) -> None:
    from netwright.runs.members import member_figures

    found = member_figures(run.folder, split)
    if found:
        values = ", ".join(short(one.value) for one in found)
        typer.echo(f"{len(found)} members alone: {found[0].metric} {values}")


def figures(record: dict[str, Any], *, shown: int = 3) -> str:
    """The first few metrics with their intervals, on one line; of several tasks one each."""
    if not record["metrics"]:
        return "not judged: the method names no metrics"
    names = list(record["metrics"])
    firsts = [
        f"{task}/{next(iter(one['metrics']))}" for task, one in record.get("tasks", {}).items()
    ]
    told = dict.fromkeys([names[0], *firsts]) if firsts else names[:shown]
    listed = [(name, record["metrics"][name]) for name in told if name in record["metrics"]]
    return " · ".join(f"{name} {_with_interval(one)}" for name, one in listed) + (
        f" (n = {record['n']})"
    )


def _with_interval(estimate: dict[str, Any]) -> str:
    value = short(estimate["value"])
    if estimate.get("low") is None:
        return value
    return f"{value} [{short(estimate['low'])}, {short(estimate['high'])}]"
