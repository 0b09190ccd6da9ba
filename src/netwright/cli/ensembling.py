"""netwright ensemble."""

from __future__ import annotations

from pathlib import Path

import typer

from netwright.cli.training import TRUST, tell

__all__ = ["add_to"]

_RUNS = typer.Argument(..., metavar="RUN RUN...", help="Two trained runs or more.")
_ROOT = typer.Option(Path("runs"), "--root", help="Folder of all runs.")


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(ensemble)


def ensemble(
    runs: list[str] = _RUNS,
    name: str | None = typer.Option(None, help="Of the new run's folder."),
    trust: bool = TRUST,
    root: Path = _ROOT,
) -> None:
    """Put trained runs together: they answer with the mean of what each says."""
    from netwright.workflow.ensembling.put_together import ensemble as put_together
    from netwright.workflow.run import load

    loaded = [load(run, trust=trust, root=root) for run in runs]
    tell(put_together(loaded, name=name, root=root))
