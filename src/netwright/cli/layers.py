"""netwright layers."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from netwright.cli.training import DATA, MODEL, SET, SKIP_BAD, TARGET, wished_recipe

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(layers)


def layers(
    data: str = DATA,
    recipe: Path | None = typer.Option(None, help="A recipe to look at (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    target: str | None = TARGET,
    skip_bad: bool | None = SKIP_BAD,
    examples: int = typer.Option(2000, help="Of the training split at most, and of the test's."),
    seed: int | None = typer.Option(None, help="Of the untrained weights and the examples."),
    changes: list[str] = SET,
    draw: Path | None = typer.Option(None, help="A picture to write (.png, .svg, .pdf)."),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Show which layers of a trained network serve DATA: a linear classifier on each depth."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        model=model,
        seed=seed,
    )

    from netwright._errors import must_be
    from netwright.workflow.layers import which_layers

    if draw is not None and not draw.parent.is_dir():
        raise must_be("--draw", "a file in a folder that is there", str(draw))
    found = which_layers(wished, examples=examples)
    typer.echo(json.dumps(found.to_json()) if as_json else str(found))
    if draw is not None:
        found.draw(draw)
        typer.echo(f"picture: {draw}", err=as_json)
