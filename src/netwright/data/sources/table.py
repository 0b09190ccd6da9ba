"""Rows of named columns, and their turn into numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from netwright._errors import BadData, BadType, offenders
from netwright.data.dataset import Samples

__all__ = ["LARGEST", "Column", "ColumnKind", "Table", "TableEncoder", "column_of"]

MOST_LEVELS = 100
"""A column of more words than this (names, numbers of documents) keeps the most frequent ones."""

LARGEST = float(np.finfo(np.float32).max)
"""Inputs are float32: what is beyond is as good as infinite."""


class ColumnKind(StrEnum):
    """What stands in a column."""

    NUMBER = "number"
    WHOLE = "whole"  # numbers written without a fraction throughout
    TRUTH = "truth"  # true and false, as 1 and 0
    WORD = "word"


@dataclass(frozen=True, eq=False)
class Column:
    """One named column.

    Attributes:
        name: as the file has it.
        kind: what stands in it.
        values: (n,) float64 with NaN for missing, or for words an object array of str and None.
    """

    name: str
    kind: ColumnKind
    values: np.ndarray

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.kind is not ColumnKind.WORD

    def missing(self) -> np.ndarray:
        """(n,) where nothing stands."""
        if self.numeric:
            return np.asarray(np.isnan(self.values))
        return np.array([value is None for value in self.values], dtype=bool)

    def rows(self, index: np.ndarray) -> Column:
        """Some of the rows."""
        return Column(self.name, self.kind, self.values[index])


class Table(Samples):
    """Raw rows; a `TableEncoder` makes inputs of them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        names = Counter(column.name for column in self.columns)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise BadData(
                f"column names must be unlike each other, got {offenders(twice)} more than once. "
                "Rename them."
            )

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Table:
        """A table of rows given as mappings (JSON, while serving); an absent key is missing.

        Raises:
            BadType: a column of mixed types, or of something that isn't text, number or truth.
        """
        names = dict.fromkeys(name for record in records for name in record)
        return cls([column_of(name, [record.get(name) for record in records]) for name in names])

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def take(self, index: Tensor) -> Tensor:
        """Refuse: words are no inputs."""
        raise BadType(
            f"samples must be encoded before rows are taken, got a raw table of {len(self)} rows. "
            "Fit a TableEncoder on the rows of the training split and wrap what it encodes in "
            "InMemory."
        )

    def select(self, names: Sequence[str]) -> Table:
        """Some of the columns, in the given order."""
        by_name = {column.name: column for column in self.columns}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise _missing_columns(missing, self.names)
        return Table([by_name[name] for name in names])

    def rows(self, index: np.ndarray) -> Table:
        """Some of the rows."""
        return Table([column.rows(index) for column in self.columns])


def column_of(name: str, values: Sequence[Any]) -> Column:
    """A column from Python or numpy scalars; None and NaN are missing.

    Raises:
        BadType: text and numbers are mixed, or it is neither text, number nor truth value.
    """
    there = [value for value in values if not _is_missing(value)]
    if there and all(isinstance(value, str) for value in there):
        words = [None if _is_missing(value) else value for value in values]
        return Column(name, ColumnKind.WORD, np.array(words, dtype=object))
    wrong = _of_another_type(values)
    if wrong:
        raise BadType(
            f"{name} must be text throughout or numbers throughout, got {offenders(wrong)}. Give "
            "every row the same type."
        )
    numbers = np.array(
        [np.nan if _is_missing(value) else float(value) for value in values], dtype=np.float64
    )
    return Column(name, _kind_of_numbers(there), numbers)


def _of_another_type(values: Sequence[Any]) -> list[str]:
    """The rows that are neither what most are, text or number, nor missing."""
    kinds = [
        "missing"
        if _is_missing(value)
        else "text"
        if isinstance(value, str)
        else "number"
        if isinstance(value, (bool, int, float, np.generic))
        else "other"
        for value in values
    ]
    most = "text" if kinds.count("text") > kinds.count("number") else "number"
    return [
        f"row {row} ({value!r})"
        for row, (value, kind) in enumerate(zip(values, kinds, strict=True), start=1)
        if kind not in (most, "missing")
    ]


def _kind_of_numbers(values: Sequence[Any]) -> ColumnKind:
    if values and all(isinstance(value, (bool, np.bool_)) for value in values):
        return ColumnKind.TRUTH
    if values and all(isinstance(value, (int, np.integer)) for value in values):
        return ColumnKind.WHOLE
    return ColumnKind.NUMBER


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


@dataclass(frozen=True, kw_only=True)
class TableEncoder:
    """Numbers from the columns of a table, the same ones while learning and while serving.

    A column of numbers passes through with NaN where it was missing (imputation is a step of its
    own). A column of words becomes one 0/1 column for each level that the rows of `fit` hold, in
    alphabetical order; missing is a level of its own where `fit` saw it. A level that `fit` didn't
    see is zero in all of them. Of more than 100 levels the 100 most frequent are kept, of those
    that come more than once: a column of names or of numbers of documents is left out.

    Attributes:
        levels: for each column by name, None for numbers, or its levels with None for missing.
    """

    levels: Mapping[str, tuple[str | None, ...] | None]

    @classmethod
    def fit(cls, table: Table, index: Int64[Tensor, " m"]) -> TableEncoder:
        """Learn the levels from the rows at `index`, which are those of the training split.

        Raises:
            BadData: there is no column but such as name every row apart.
        """
        places = index.cpu().numpy()
        encoder = cls(
            levels={
                column.name: None if column.numeric else _levels(column.values[places])
                for column in table.columns
            }
        )
        if not encoder.feature_names:
            raise BadData(
                "a table must have a column that tells rows apart and comes again, got "
                f"{offenders(table.names)}, of more than {MOST_LEVELS} words that stand once each. "
                "Add columns, or take several words together."
            )
        return encoder

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of the encoded columns: `age`, `city=Rome`, `city=(missing)`."""
        names: list[str] = []
        for name, levels in self.levels.items():
            words = ["(missing)" if level is None else level for level in levels or ()]
            names += [name] if levels is None else [f"{name}={word}" for word in words]
        return tuple(names)

    def encode(self, table: Table) -> Float32[Tensor, "n p"]:
        """The rows as numbers; the columns may come in any order.

        Raises:
            BadData: columns missing, columns that were not learned from, words where numbers were,
                or infinite numbers.
        """
        self._refuse_other_columns(table)
        by_name = {column.name: column for column in table.columns}
        parts = [
            _numbers(by_name[name]) if levels is None else _one_hot(by_name[name], levels)
            for name, levels in self.levels.items()
        ]
        return torch.from_numpy(np.concatenate(parts, axis=1))

    def state(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "columns": [
                {"name": name, "levels": None if levels is None else list(levels)}
                for name, levels in self.levels.items()
            ]
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TableEncoder:
        """The encoder whose `state` this is."""
        return cls(
            levels={
                column["name"]: None if column["levels"] is None else tuple(column["levels"])
                for column in state["columns"]
            }
        )

    def _refuse_other_columns(self, table: Table) -> None:
        missing = [name for name in self.levels if name not in table.names]
        if missing:
            raise _missing_columns(missing, table.names)
        extra = [name for name in table.names if name not in self.levels]
        if extra:
            raise BadData(
                f"columns must be those that were learned from, got {offenders(extra)} besides. "
                "Leave them out, or select the others."
            )


def _levels(values: np.ndarray) -> tuple[str | None, ...]:
    counts = Counter(value for value in values if value is not None)
    if len(counts) > MOST_LEVELS:
        again = [level for level in counts if counts[level] > 1]
        counts = Counter({level: counts[level] for level in again})
    frequent = sorted(counts, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    missing = (None,) if any(value is None for value in values) else ()
    return (*sorted(frequent), *missing)


def _numbers(column: Column) -> np.ndarray:
    if not column.numeric and not column.missing().all():
        there = [row for row in enumerate(column.values, start=1) if row[1] is not None]
        wrong = [row for row in there if not _reads_as_number(row[1])] or there  # "1" is text too
        raise BadData(
            f"{column.name} must be numbers as it was while learning, got text in "
            f"{offenders(f'row {row} ({value!r})' for row, value in wrong)}. Write numbers, or "
            "leave them empty where they are not known."
        )
    numbers = column.values.astype(np.float64)
    infinite = np.flatnonzero(np.abs(numbers) > LARGEST)
    if len(infinite):
        raise BadData(
            f"{column.name} must be finite, got infinite or too large numbers in "
            f"{offenders(f'row {row + 1}' for row in infinite)}. Leave them empty where they are "
            "not known."
        )
    return numbers.astype(np.float32)[:, None]


def _reads_as_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _one_hot(column: Column, levels: Sequence[str | None]) -> np.ndarray:
    places = {level: place for place, level in enumerate(levels)}
    encoded = np.zeros((len(column.values), len(levels)), dtype=np.float32)
    for row, word in enumerate(_words(column)):
        if word in places:
            encoded[row, places[word]] = 1
    return encoded


def _words(column: Column) -> Sequence[str | None]:
    """The words; a file whose every word happens to be a whole number reads as numbers."""
    if not column.numeric:
        return list(column.values)
    wrong = [
        f"row {row} ({value:g})"
        for row, value in enumerate(column.values, start=1)
        if np.isinf(value) or (not np.isnan(value) and value != int(value))
    ]
    if column.kind is ColumnKind.TRUTH:
        wrong = [f"row {row + 1}" for row in np.flatnonzero(~np.isnan(column.values))]
    if wrong:
        raise BadData(
            f"{column.name} must be text as it was while learning, got numbers or truth values in "
            f"{offenders(wrong)}. Write one of its levels."
        )
    return [None if np.isnan(value) else str(int(value)) for value in column.values]


def _missing_columns(missing: Sequence[str], there: Sequence[str]) -> BadData:
    return BadData(
        f"columns must be complete, got none named {offenders(missing)}. There are: "
        f"{offenders(there, shown=12)}."
    )
