"""Amounts of disk space, as people write them."""

from __future__ import annotations

import re

from netwright._errors import must_be

__all__ = ["parse_space", "say_space"]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_space(text: str) -> int:
    """Bytes of "2 GB" or "500 MB"; units count by thousands, as disks are sold.

    Raises:
        BadValue: not a number with one of the units B, KB, MB, GB, TB.

    Example:
        >>> parse_space("1.5 GB")
        1500000000
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([KMGT]?B)\s*", text.upper())
    if found is None:
        raise must_be("space", "a number with a unit (2 GB, 500 MB)", text)
    return round(float(found[1]) * _UNITS[found[2]])


def say_space(size: int) -> str:
    """An amount of bytes in the largest unit that it fills.

    Example:
        >>> say_space(134_500_000), say_space(0)
        ('134 MB', '0 B')
    """
    unit = max(
        (unit for unit in _UNITS if size >= _UNITS[unit]),
        key=lambda unit: _UNITS[unit],
        default="B",
    )
    return f"{size / _UNITS[unit]:.3g} {unit}"
