"""The errors people see, and the one wording they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BadData",
    "BadType",
    "BadValue",
    "DamagedRun",
    "MissingExtra",
    "NetwrightError",
    "NonFinite",
    "NothingObserved",
    "OutOfMemory",
    "must_be",
    "offenders",
    "unknown",
]


class NetwrightError(Exception):
    """Anything that Netwright refuses; the command line prints its sentence without a traceback.

    Attributes:
        met_by: rank of the process that met it, of several; None where each meets it for itself.
    """

    met_by: int | None = None


class BadValue(NetwrightError, ValueError):
    """An argument of the right type whose value breaks a stated rule."""


class BadType(NetwrightError, TypeError):
    """An argument of the wrong type."""


class BadData(BadValue):
    """Data that can't be learned from as they are; names every offending sample."""


class NonFinite(NetwrightError, ArithmeticError):
    """A loss or gradient became NaN or infinite and the run could not go on."""


class NothingObserved(NetwrightError, RuntimeError):
    """A probe was attached and saw nothing, so its silence means nothing."""


class OutOfMemory(NetwrightError, MemoryError):
    """What is to be computed at a time can't be made small enough for the memory."""


class MissingExtra(NetwrightError, ImportError):
    """An optional package is needed for what was asked."""


class DamagedRun(NetwrightError, OSError):
    """A run folder that can't be read or written."""


def _sentence(name: str, rule: str, value: object, fix: str) -> str:
    shown = repr(value)
    if len(shown) > 300:
        shown = f"{shown[:297]}..."
    return f"{name} must be {rule}, got {name}={shown}.{' ' + fix if fix else ''}"


def must_be(
    name: str, rule: str, value: object, fix: str = "", *, error: type[NetwrightError] = BadValue
) -> NetwrightError:
    """Build the error for an argument that breaks a rule.

    Example:
        >>> raise must_be("batch_size", "at least 1", 0, "32 suits most small networks.")
        Traceback (most recent call last):
        netwright._errors.BadValue: batch_size must be at least 1, got batch_size=0. 32 suits ...
    """
    return error(_sentence(name, rule, value, fix))


def unknown(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> NetwrightError:
    """Build the error for a name that no catalogue holds, with the nearest names it does hold."""
    candidates = sorted(known)
    near = difflib.get_close_matches(str(name), candidates, n=3, cutoff=0.5)
    if near:
        fix = f"Did you mean {', '.join(near)}?"
    elif candidates:
        fix = f"Known: {offenders(candidates, shown=12)}."
    else:
        fix = "There is none."
    rule = "a known one" if " of " in kind else f"a known {kind}"
    return must_be(kind, rule, name, f"{fix} {hint}".strip())


def offenders(items: Iterable[object], *, shown: int = 10) -> str:
    """List offending items for a sentence: all of them up to `shown`, then a count of the rest."""
    listed = [str(item) for item in items]
    head = ", ".join(listed[:shown])
    return head if len(listed) <= shown else f"{head} and {len(listed) - shown} more"
