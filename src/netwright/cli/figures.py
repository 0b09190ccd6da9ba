"""Figures on the terminal."""

from __future__ import annotations

__all__ = ["short"]


def short(value: float) -> str:
    """A number with as many digits as are worth reading, written out up to a thousand million.

    Example:
        >>> short(0.98765), short(48123.4), short(-1.2e-07)
        ('0.9877', '48123', '-1.2e-07')
    """
    return f"{value:.0f}" if 10_000 <= abs(value) < 1e9 else f"{value:.4g}"
