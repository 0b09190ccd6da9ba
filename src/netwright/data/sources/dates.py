"""Columns of ISO dates as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from netwright.data.sources.table import Column, ColumnKind, Table

__all__ = ["dates_as_days", "days_of"]

_DAY = 86_400.0


def dates_as_days(table: Table) -> Table:
    """The table with every column of ISO dates or times turned into days since 1970.

    As words, each date would be a level of its own and a later one would be unknown.
    """
    return Table([_as_days(column) for column in table.columns])


def days_of(words: Sequence[str]) -> list[float]:
    """Days since 1970; what names no time zone is taken as UTC.

    Raises:
        ValueError: not ISO dates or times.
    """
    moments = [datetime.fromisoformat(word) for word in words]
    return [
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / _DAY
        for moment in moments
    ]


def _as_days(column: Column) -> Column:
    there = [] if column.numeric else [word for word in column.values if word is not None]
    # "20240131" and "2024-W05" are ISO too, but more often something else
    if not there or any(len(word) < 10 or word[4:5] != "-" for word in there):
        return column
    try:
        known = iter(days_of(there))
    except ValueError:
        return column
    days = [np.nan if word is None else next(known) for word in column.values]
    return Column(column.name, ColumnKind.NUMBER, np.array(days))
