"""netwright find."""

from __future__ import annotations

import json

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the commands."""
    app.command()(find)


def find(
    word: str = typer.Argument(..., help="Part of a name, a summary or a paper."),
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
) -> None:
    """Search everything that has a name: models, methods, losses, metrics, data, ..."""
    from netwright.workflow.directory import search

    found = search(word)
    if as_json:
        typer.echo(json.dumps([vars(one) for one in found]))
        return
    if not found:
        typer.echo(f"nothing is called {word!r}")
        raise typer.Exit(1)
    for one in found:
        typer.echo(f"{one.kind:<14} {one.name:<28} {one.summary}")
        if one.paper:
            typer.echo(f"{'':<14} {one.paper}")
        if one.differs:
            typer.echo(f"{'':<14} differs from the paper: {one.differs}")
        typer.echo(f"{'':<14} {one.full or one.place}")
