"""Packages that only some uses need, imported when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from netwright._errors import MissingExtra

__all__ = ["optional"]


def optional(module: str, *, extra: str) -> Any:
    """Import `module`, or say which extra of Netwright brings it.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{module} must be installed for this, got ImportError: {error}. "
            f"Run: pip install 'netwright[{extra}]'"
        ) from error
