"""netwright range-test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netwright.cli.training import (
    BATCH_SIZE,
    DATA,
    DEVICE,
    METHOD,
    MODEL,
    SET,
    SKIP_BAD,
    TARGET,
    wished_recipe,
)

if TYPE_CHECKING:
    from netwright.train.range_test import RangeTest

__all__ = ["add_to"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command(name="range-test")(range_test)


def range_test(
    data: str = DATA,
    recipe: Path | None = typer.Option(None, help="A recipe to look at (RUN/recipe.yaml)."),
    model: str | None = MODEL,
    method: str | None = METHOD,
    batch_size: int | None = BATCH_SIZE,
    target: str | None = TARGET,
    device: str | None = DEVICE,
    skip_bad: bool | None = SKIP_BAD,
    changes: list[str] = SET,
    low: float = typer.Option(1e-6, help="Rate of the first step."),
    high: float = typer.Option(10.0, help="Rate of the last step."),
    steps: int = typer.Option(100, help="Of one batch each."),
    picture: Path | None = typer.Option(None, help="Draw the curve into this file (.svg, .png)."),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Find a learning rate for DATA: let it grow from step to step on a copy; leaves nothing."""
    wished = wished_recipe(
        recipe,
        changes=changes,
        data=data,
        target=target,
        skip_bad=skip_bad,
        model=model,
        method=method,
        batch_size=batch_size,
        device=device,
    )

    from netwright.workflow.range_test import draw_sweep
    from netwright.workflow.range_test import range_test as sweep

    found = sweep(wished, low=low, high=high, steps=steps)
    if picture is not None:
        draw_sweep(found, picture)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    _show(found)


def _show(found: RangeTest) -> None:
    first, last = f"{found.rates[0]:.1g}", f"{found.rates[-1]:.1g}"
    bars = _curve(found)
    typer.echo(f"loss, from {min(found.smoothed):.4g} to {max(found.smoothed):.4g}")
    typer.echo(bars)
    typer.echo(f"{first}{'rate':^{max(len(bars) - len(first) - len(last), 4)}}{last}")
    if found.suggested is None:
        typer.echo(f"no rate is suggested: {found.rule}")
        return
    typer.echo(f"suggested learning rate: {found.suggested:.2g} ({found.rule})")
    typer.echo(f"the loss falls most steeply at {found.steepest:.2g}")


def _curve(found: RangeTest) -> str:
    """The running mean as bars, cut where it is back at its beginning."""
    top, least = found.smoothed[0], min(found.smoothed)
    places = [len(found.rates) * column // _WIDTH for column in range(_WIDTH)]
    heights = [(found.smoothed[place] - least) / ((top - least) or 1.0) for place in places]
    most = len(_BARS) - 1
    return "".join(_BARS[min(max(round(height * most), 0), most)] for height in heights)
