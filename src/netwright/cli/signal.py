"""netwright signal."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from netwright.cli.training import BATCH_SIZE, DATA, MODEL, SET, TARGET, wished_recipe

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(signal)


def signal(
    data: str = DATA,
    recipe: Path | None = typer.Option(None, help="A recipe to look at (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    batch_size: int | None = BATCH_SIZE,
    target: str | None = TARGET,
    seed: int | None = typer.Option(None, help="Of the weights."),
    changes: list[str] = SET,
    draw: Path | None = typer.Option(None, help="A picture to write (.png, .svg, .pdf)."),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Show mean, variance and gradient norm by depth before the first step; leaves nothing."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        model=model,
        batch_size=batch_size,
        seed=seed,
    )

    from netwright._errors import must_be
    from netwright.workflow.signal import first_signal

    if draw is not None and not draw.parent.is_dir():
        raise must_be("--draw", "a file in a folder that is there", str(draw))
    found = first_signal(wished)
    typer.echo(json.dumps(found.to_json()) if as_json else str(found))
    if draw is not None:
        found.draw(draw)
        typer.echo(f"picture: {draw}", err=as_json)
