"""Figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["bytes_in_words", "count", "duration", "figure", "interval_of", "split_in_words"]

SHARES = ("accuracy", "precision", "recall", "f1", "error rate", "coverage")


def _is_share(name: str) -> bool:
    """Whether a metric of that name is read as per cent."""
    words = name.lower().replace("_", " ").replace("-", " ")
    return any(share in words for share in SHARES)


def figure(value: Any, *, name: str = "") -> str:
    """A number with as many digits as are worth reading; text as it is.

    Example:
        >>> figure(0.98765, name="accuracy"), figure(0.000123), figure(None)
        ('98.8 %', '0.000123', '–')

        >>> figure(48123.4)
        '48\u202f123'
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if _is_share(name) and 0 <= value <= 1:
        return f"{100 * value:.1f} %"
    if isinstance(value, int) or 10_000 <= abs(value) < 1e9:  # 48 123, not 4.812e+04
        return count(value)
    return f"{value:.4g}".replace("-", "−")


def interval_of(measured: Mapping[str, Any], *, name: str = "") -> str | None:
    """The interval of a measured metric, its unit said once; None where it has none.

    Example:
        >>> interval_of({"value": 0.9, "low": 0.85, "high": 0.94}, name="accuracy")
        '85.0 to 94.0 %'
    """
    low, high = measured.get("low"), measured.get("high")
    if low is None or high is None:
        return None
    start, end = figure(low, name=name), figure(high, name=name)
    return f"{start.removesuffix(' %')} to {end}" if end.endswith(" %") else f"{start} to {end}"


def split_in_words(name: str | None) -> str:
    """A split's name as it is said."""
    return {"train": "training", "val": "validation"}.get(name or "", name or "")


def count(value: float) -> str:
    """A whole number with its thousands set apart.

    Example:
        >>> count(1234567)
        '1\u202f234\u202f567'
    """
    return f"{round(value):,}".replace(",", "\u202f").replace("-", "−")


def duration(seconds: Any) -> str:
    """A time in the two largest units that matter.

    Example:
        >>> duration(0.25), duration(75), duration(7300)
        ('0.25 s', '1 min 15 s', '2 h 1 min')
    """
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def bytes_in_words(size: Any) -> str:
    """Memory in GiB."""
    return f"{size / 2**30:.1f} GiB" if isinstance(size, (int, float)) else "–"
