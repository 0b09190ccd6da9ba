"""netwright data."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Real data sets and pretrained weights: list, get, remove.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def data(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Real data sets and pretrained weights: without a command, lists them."""
    if context.invoked_subcommand is not None:
        return
    from netwright.data.depot import listing

    rows = listing()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str))
        return
    for row in rows:
        here = "fetched" if row.fetched else ""
        typer.echo(f"{row.name:<20} {row.megabytes:>7.1f} MB  {here:<8} {row.summary}")
        typer.echo(f"{'':<42}licence: {row.licence}")
        typer.echo(f"{'':<42}origin:  {row.origin}")


@app.command()
def get(name: str = typer.Argument(..., help="A name of `netwright data`.")) -> None:
    """Bring a data set or weights into the cache, verified."""
    from netwright.data.depot import get as bring

    def tell(what: str, share: float | None) -> None:
        if sys.stderr.isatty():
            typer.echo(
                f"\r\033[K{what}{'' if share is None else f' {share:.0%}'}", err=True, nl=False
            )

    path = bring(name, progress=tell)
    if sys.stderr.isatty():
        typer.echo("", err=True)
    typer.echo(str(path))


@app.command()
def remove(name: str = typer.Argument(..., help="A name of `netwright data`.")) -> None:
    """Take a data set or weights out of the cache."""
    from netwright.data.depot import remove as take_out

    typer.echo("removed" if take_out(name) else "was not there")
