"""The command line. Help and listings load no torch."""

from netwright.cli.main import main

__all__ = ["main"]
