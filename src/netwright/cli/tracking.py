"""netwright tensorboard."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(tensorboard)


def tensorboard(
    run: str = typer.Argument(..., help="Path or name of a run."),
    into: Path | None = typer.Option(
        None, "-o", "--output", help="Folder to write; the run's own tensorboard without."
    ),
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Write a run's curves, figures and last weights as event files for TensorBoard."""
    from netwright.workflow.tracking import export_tensorboard

    place = export_tensorboard(run, into=into, root=root)
    typer.echo(f"look at it: tensorboard --logdir {place}")
