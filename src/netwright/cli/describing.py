"""netwright describe."""

from __future__ import annotations

import json
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
    shape: str | None = typer.Option(
        None, "--input", metavar="3x224x224", help="Shape of one example."
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
    """Say what MODEL is made of: shapes, parameters, FLOPs, receptive fields; draw it."""
    options = dict(_option(change) for change in changes)

    from netwright.workflow.described import described, parse_input, subject

    given = None if shape is None else parse_input(shape)
    found = subject(
        model, input_shape=given, num_classes=classes, options=options, trust=trust, root=root
    )
    description = described(found, effective=effective)
    if output is not None:
        description.draw(output, depth=depth)
    shown = description if depth is None else description.collapsed(depth)
    typer.echo(json.dumps(shown.to_json()) if as_json else str(shown))
    if output is not None and not as_json:
        typer.echo(f"drawn: {output}")


def _option(change: str) -> tuple[str, Any]:
    from netwright._errors import must_be
    from netwright.runs.recipe import parse_assignment

    path, value = parse_assignment(change)
    if len(path) != 2 or path[0] != "model":
        raise must_be("--set", "an option of the network", change, "e.g. --set model.width=64")
    return path[1], value
