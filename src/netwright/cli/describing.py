"""netwright describe."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import typer

from netwright.cli.training import TRUST

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(describe)


def describe(
    model: str = typer.Argument(..., help="A name of `netwright find`, my.py:Net, or a run."),
    inputs: list[str] = typer.Option(
        [],
        "--input",
        metavar="3x224x224",
        help="Shape of one example; 20:int for integers; once for each input of several.",
    ),
    classes: int = typer.Option(1000, help="Scores of a network that is built."),
    changes: list[str] = typer.Option(
        [], "--set", metavar="model.OPTION=VALUE", help="Change an option of the network."
    ),
    depth: int | None = typer.Option(None, help="Whole modules of so many names for layers."),
    effective: int = typer.Option(
        0, metavar="N", help="Measure effective receptive fields over N random inputs."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Draw the graph: a .svg, .png or .pdf file."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    trust: bool = TRUST,
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Say what MODEL is made of: shapes, parameters, FLOPs, receptive fields; draw it.

    How a signal and its gradient pass it on real data is said by `netwright signal`.
    """
    options = dict(_option(change) for change in changes)

    from netwright.models.graph.table import table
    from netwright.workflow.described import described, parse_input, subject

    found = subject(
        model,
        inputs=[parse_input(one) for one in inputs],
        num_classes=classes,
        options=options,
        trust=trust,
        root=root,
    )
    description = described(found, effective=effective)
    if output is not None:
        description.draw(output, depth=depth)
    shown = description if depth is None else description.collapsed(depth)
    typer.echo(json.dumps(shown.to_json()) if as_json else table(shown, width=_room()))
    if output is not None and not as_json:
        typer.echo(f"drawn: {output}")


def _room() -> int | None:
    """Columns of the terminal; None where it is a file that is written."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _option(change: str) -> tuple[str, Any]:
    from netwright._errors import must_be
    from netwright.runs.recipe import parse_assignment

    path, value = parse_assignment(change)
    if len(path) != 2 or path[0] != "model":
        raise must_be("--set", "an option of the network", change, "e.g. --set model.width=64")
    return path[1], value
