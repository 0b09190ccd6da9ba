"""The door: commands are declared here and carried out in the other files of this room."""

from __future__ import annotations

import sys

import typer

from netwright import __version__
from netwright._errors import NetwrightError
from netwright.cli import (
    answers,
    baseline,
    depot,
    describing,
    ensembling,
    explaining,
    finding,
    layers,
    protocols,
    rates,
    runs,
    searching,
    signal,
    timing,
    tracking,
    training,
)
from netwright.workflow.launch import launched_rank

__all__ = ["app", "main"]

app = typer.Typer(
    name="netwright",
    help="Builds, trains, diagnoses and explains neural networks on your own data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"netwright {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    _State.debug = debug


class _State:
    debug = False


training.add_to(app)
protocols.add_to(app)
searching.add_to(app)
timing.add_to(app)
rates.add_to(app)
signal.add_to(app)
layers.add_to(app)
answers.add_to(app)
baseline.add_to(app)
ensembling.add_to(app)
runs.add_to(app)
tracking.add_to(app)
explaining.add_to(app)
finding.add_to(app)
describing.add_to(app)
app.add_typer(depot.app, name="data")


def main() -> None:
    """Run the command line; errors are one sentence on standard error."""
    try:
        app()
    except NetwrightError as error:
        if _State.debug:
            raise
        if (error.met_by or 0) == launched_rank():
            typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except SystemExit as end:
        if _was_interrupted(end):
            typer.echo("interrupted", err=True)
        raise
    except Exception as error:
        if _State.debug:
            raise
        kind = type(error).__name__
        typer.echo(f"error: {kind}: {error} (netwright --debug … shows where)", err=True)
        sys.exit(1)


def _was_interrupted(end: SystemExit) -> bool:
    """Typer turns an interrupt into an exit without a word."""
    left = end.__context__
    return left is not None and isinstance(left.__cause__, KeyboardInterrupt)
