"""CSV and Parquet files, and pandas' frames, as tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from netwright._errors import BadData, offenders
from netwright._optional import optional
from netwright.data.dataset import Skipped
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.table import Column, ColumnKind, Table, column_of

__all__ = ["MISSING", "TableRows", "frame_columns", "read_csv", "read_parquet"]

MISSING = frozenset(
    {
        *("", "?", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "NULL", "null", "None"),
        *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    }
)
"""What stands for nothing in a file: pandas' list and the question mark of the UCI sets."""

TRUTHS = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}

LOCAL = re.compile(r"[+-]?(\d{1,3}(,\d{3})+(\.\d+)?|\d{1,3}(\.\d{3})+,\d+|\d*,\d+)")
"""A number as people write it: with a decimal comma, or with separators of thousands."""

ALMOST = 0.95
"""A column with this share of numbers is one of numbers, and its words are slips of the pen."""


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """A table, the number of each row in its file (from 1, below the header), and what is out."""

    table: Table
    numbers: np.ndarray
    skipped: tuple[Skipped, ...] = ()


def read_csv(path: Path, *, skip_bad: bool = False) -> TableRows:
    """Read text separated by comma, semicolon, tab or bar; the first line names the columns.

    A column is of numbers, of true and false, or of words; spaces around a cell are dropped. A
    nameless first column that only counts the rows is dropped too. Numbers with a decimal comma
    or separators of thousands are refused, as 1,234 can be either.

    Raises:
        BadData: an empty file, no header, rows of a wrong length, a slip in a column of numbers.
    """
    header, rows = _cells(path)
    _refuse_header(path, header)
    faults = [
        Skipped(f"row {number}", f"{len(row)} values for {len(header)} columns")
        for number, row in enumerate(rows, start=1)
        if len(row) != len(header)
    ]
    refuse_unless(skip_bad, faults, name=str(path), rule="as wide as its header in every row")
    numbers = np.array(
        [number for number, row in enumerate(rows, start=1) if len(row) == len(header)],
        dtype=np.int64,
    )
    if not len(numbers):
        raise BadData(f"{path} must be a table with rows, got {len(rows)} rows below the header.")
    by_column = list(zip(*(row for row in rows if len(row) == len(header)), strict=True))
    columns: list[Column] = []
    slips: dict[int, Skipped] = {}
    for name, cells in zip(header, by_column, strict=True):
        if not name and not columns and _counts_rows(cells):
            continue
        column, wrong = _parse(name, [cell.strip() for cell in cells])
        columns.append(column)
        for row in wrong:
            why = f"{name}: {cells[row].strip()!r} among numbers"
            slips.setdefault(row, Skipped(f"row {numbers[row]}", why))
    _refuse_local_numbers(path, columns)
    refuse_unless(
        skip_bad, list(slips.values()), name=str(path), rule="of numbers where a column is numbers"
    )
    keep = np.array([row not in slips for row in range(len(numbers))], dtype=bool)
    return TableRows(
        table=Table(columns).rows(keep),
        numbers=numbers[keep],
        skipped=(*faults, *slips.values()),
    )


def read_parquet(path: Path) -> TableRows:
    """Read a Parquet file; an index that pandas wrote beside the columns is dropped.

    Raises:
        MissingExtra: pyarrow is not installed.
        BadData: damaged, or empty.
    """
    parquet = optional("pyarrow.parquet", extra="tables")
    try:
        arrow = parquet.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are subclasses of these
        raise BadData(f"{path} must be a readable Parquet file, got: {error}.") from error
    if not arrow.num_rows:
        raise BadData(f"{path} must be a table with rows, got none.")
    columns = [
        _arrow_column(name, arrow.column(place))
        for place, name in enumerate(arrow.column_names)
        if not name.startswith("__index_level_")
    ]
    return TableRows(table=Table(columns), numbers=np.arange(1, arrow.num_rows + 1))


def _arrow_column(name: str, values: Any) -> Column:
    types = optional("pyarrow.types", extra="tables")
    if not (types.is_integer(values.type) or types.is_floating(values.type)):
        return column_of(name, [_plain(value) for value in values.to_pylist()])
    numbers = np.array(values.cast("float64", safe=False).to_numpy())  # a copy that can be written
    whole = types.is_integer(values.type) and values.null_count < len(values)
    return Column(name, ColumnKind.WHOLE if whole else ColumnKind.NUMBER, numbers)


def frame_columns(frame: Any) -> TableRows:
    """The columns of a pandas frame, without its index."""
    columns = []
    for name in frame.columns:
        series = frame[name]
        there = series.notna().tolist()
        values = [
            _plain(value) if known else None
            for value, known in zip(series.tolist(), there, strict=True)
        ]
        columns.append(column_of(str(name), values))
    return TableRows(table=Table(columns), numbers=np.arange(1, len(frame) + 1))


def _plain(value: Any) -> Any:
    """Dates as they stand in text files, decimals as floats."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(first)
            lines = [row for row in csv.reader(file, delimiter=delimiter, strict=True) if row]
    except UnicodeDecodeError as error:
        raise BadData(
            f"{path} must be text in UTF-8, got byte {error.object[error.start]:#04x} at "
            f"{error.start}. Save it as UTF-8."
        ) from error
    except csv.Error as error:
        raise BadData(f"{path} must be a readable CSV file, got: {error}.") from error
    if not lines:
        raise BadData(f"{path} must be a table with a header and rows, got an empty file.")
    return [name.strip() for name in lines[0]], lines[1:]


def _delimiter(line: str) -> str:
    return max(",;\t|", key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _refuse_header(path: Path, header: Sequence[str]) -> None:
    numbers = [name for name in header if _number(name) is not None]
    if any("." in name for name in numbers) or (len(numbers) == len(header) and not _count(header)):
        raise BadData(
            f"the first line of {path} must be column names, got numbers: {offenders(numbers)}. "
            "Add a line of names above it."
        )
    nameless = [f"column {place}" for place, name in enumerate(header, start=1) if not name]
    if nameless and nameless != ["column 1"]:
        raise BadData(
            f"the first line of {path} must be column names, got none for {offenders(nameless)}. "
            "Name them."
        )


def _counts_rows(cells: Sequence[str]) -> bool:
    return cells[0] in ("0", "1") and _count(cells)


def _count(cells: Sequence[str]) -> bool:
    """Whether they are whole numbers, each one more than the one before."""
    if not cells[0].isdecimal():
        return False
    return all(cell == str(number) for number, cell in enumerate(cells, start=int(cells[0])))


def _refuse_local_numbers(path: Path, columns: Sequence[Column]) -> None:
    found = {}
    for column in columns:
        words = [] if column.numeric else [word for word in column.values if word is not None]
        if words and all(LOCAL.fullmatch(word) or _number(word) is not None for word in words):
            found[column.name] = next(word for word in words if _number(word) is None)
    if found:
        listed = offenders(f"{name} ({word})" for name, word in found.items())
        raise BadData(
            f"{path} must be of numbers with a decimal point and without separators of thousands, "
            f"got {listed}. Write them so; 1,234 could be a thousand or a little more than one."
        )


def _parse(name: str, cells: Sequence[str]) -> tuple[Column, list[int]]:
    """The column, and the rows that hold a word among numbers."""
    there = [cell for cell in cells if cell not in MISSING]
    if there and all(cell in TRUTHS for cell in there):
        truths = np.array([TRUTHS.get(cell, np.nan) for cell in cells])
        return Column(name, ColumnKind.TRUTH, truths), []
    numbers = [np.nan if cell in MISSING else _number(cell) for cell in cells]
    wrong = [row for row, number in enumerate(numbers) if number is None]
    if len(wrong) > (1 - ALMOST) * len(there):
        words = np.array([None if cell in MISSING else cell for cell in cells], dtype=object)
        return Column(name, ColumnKind.WORD, words), []
    whole = bool(there) and all(cell.lstrip("+-").isdigit() for cell in there)
    values = np.array([np.nan if number is None else number for number in numbers])
    return Column(name, ColumnKind.WHOLE if whole else ColumnKind.NUMBER, values), wrong


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python would read 1_000
    except ValueError:
        return None
