"""A table divided into inputs, targets, groups and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from netwright._errors import BadData, must_be, unknown
from netwright.data.dataset import Data, InputKind, Skipped, Target, TargetKind
from netwright.data.sources.dates import dates_as_days, days_of
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.several import several_targets, without_any
from netwright.data.sources.table import LARGEST, Column, ColumnKind, Table
from netwright.data.sources.targets import infer_target

__all__ = ["table_data"]


def table_data(
    table: Table,
    *,
    name: str,
    target: str | Sequence[str] | None = None,
    kind: TargetKind | None = None,
    kinds: Mapping[str, TargetKind] | None = None,
    group: str | None = None,
    time: str | None = None,
    skip_bad: bool = False,
    numbers: np.ndarray | None = None,
    skipped: Sequence[Skipped] = (),
    licence: str = "",
    origin: str = "",
) -> Data:
    """Name what is asked for in a table; all other columns are inputs.

    Args:
        table: the raw rows; inputs that are ISO dates become days.
        name: of the data set.
        target: column, several as a list or separated by commas; the last one where None. With
            kind "none" nothing is asked for, and what is named is left out of the inputs.
        kind: overrides what follows from the values (see `infer_target`); "several" takes each
            target column as a task of its own, which a row may lack.
        kinds: of such columns whose values should not decide.
        group: column whose equal values must not be divided between splits; no input.
        time: column of numbers or ISO dates by which a temporal split goes; no input.
        skip_bad: leave out rows with infinite numbers or without target, group or time.
        numbers: of the rows, for people; from 1 where None.
        skipped: what was left out before.
        licence: of the data.
        origin: where they come from.

    Raises:
        BadData: no such column, missing targets, infinite numbers, no column left to learn from.
    """
    asked = _target_names(table, target, kind=kind)
    for what, column in (("group", group), ("time", time)):
        if column is not None:
            _refuse_unknown(what, [column], table)
    aside = {*asked, *(column for column in (group, time) if column)}
    inputs = [column for column in table.names if column not in aside]
    if not inputs:
        raise must_be(
            "data", "a table with a column to learn from", list(table.names), error=BadData
        )
    numbers = np.arange(1, len(table) + 1) if numbers is None else numbers
    needed = () if kind is TargetKind.NONE else asked
    one_of = needed if _are_several(kind, kinds) else ()
    whole = [column for column in (*needed, group, time) if column and column not in one_of]
    faults = _faults(table, needed=whole, one_of=one_of, numbers=numbers)
    refuse_unless(
        skip_bad,
        list(faults.values()),
        name=name,
        rule="a table of finite numbers with a target in every row",
    )
    keep = np.array([row not in faults for row in range(len(table))], dtype=bool)
    if not keep.any():
        raise BadData(f"{name} must be a table with usable rows, got none of {len(table)}.")
    table = table.rows(keep)
    by_name = {column.name: column for column in table.columns}
    return Data(
        name=name,
        samples=dates_as_days(table.select(inputs)),
        input_kind=InputKind.TABLE,
        target=_several([by_name[column] for column in needed], kinds=kinds)
        if one_of
        else _target([by_name[column] for column in needed], kind=kind),
        groups=None if group is None else _groups(by_name[group]),
        times=None if time is None else _times(by_name[time]),
        labels=tuple(f"row {number}" for number in numbers[keep]),
        skipped=(*skipped, *faults.values()),
        licence=licence,
        origin=origin,
    )


def _target_names(
    table: Table, target: str | Sequence[str] | None, *, kind: TargetKind | None
) -> tuple[str, ...]:
    if target is None:
        return () if kind is TargetKind.NONE else table.names[-1:]
    if isinstance(target, str):
        whole = target in table.names  # a name may hold a comma itself
        target = [target] if whole else [name.strip() for name in target.split(",")]
    _refuse_unknown("target", target, table)
    return tuple(dict.fromkeys(target))


def _refuse_unknown(what: str, names: Sequence[str], table: Table) -> None:
    for name in names:
        if name not in table.names:
            raise BadData(str(unknown(f"{what} column", name, table.names)))


def _faults(
    table: Table, *, needed: Sequence[str], one_of: Sequence[str], numbers: np.ndarray
) -> dict[int, Skipped]:
    """Rows that can't be used, each with its first reason."""
    faults: dict[int, Skipped] = {}
    if one_of:
        gaps = {column.name: column.missing() for column in table.columns if column.name in one_of}
        for row in np.flatnonzero(without_any(gaps)):
            faults[int(row)] = Skipped(f"row {numbers[row]}", f"{', '.join(one_of)} are missing")
    for column in table.columns:
        rows: dict[str, np.ndarray] = {}
        if column.numeric:
            rows["infinite or too large"] = np.flatnonzero(np.abs(column.values) > LARGEST)
        if column.name in needed:
            rows["missing"] = np.flatnonzero(column.missing())
        for why, places in rows.items():
            for row in places:
                faults.setdefault(
                    int(row), Skipped(f"row {numbers[row]}", f"{column.name} is {why}")
                )
    return dict(sorted(faults.items()))


def _target(columns: Sequence[Column], *, kind: TargetKind | None) -> Target:
    if not columns:
        return Target(kind=TargetKind.NONE)
    names = [column.name for column in columns]
    if len(columns) == 1:
        return infer_target(_values(columns[0]), names=names, kind=kind)
    if any(not column.numeric for column in columns):
        words = [column.name for column in columns if not column.numeric]
        raise must_be(
            "target",
            "columns of numbers where there are several",
            words,
            "Name one, or learn each as a task: --method multi-task.",
            error=BadData,
        )
    return infer_target(np.stack([column.values for column in columns], 1), names=names, kind=kind)


def _are_several(kind: TargetKind | None, kinds: Mapping[str, TargetKind] | None) -> bool:
    if kinds and kind not in (None, TargetKind.SEVERAL):
        raise must_be("kind", "several, or given by task, for several tasks", str(kind))
    return kind is TargetKind.SEVERAL or bool(kinds)


def _several(columns: Sequence[Column], *, kinds: Mapping[str, TargetKind] | None = None) -> Target:
    missing = {column.name: column.missing() for column in columns}
    filled = {
        column.name: replace(column, values=np.nan_to_num(column.values))
        if column.numeric
        else column
        for column in columns
    }
    values = {name: _values(column) for name, column in filled.items()}
    return several_targets(values, missing=missing, kinds=kinds)


def _values(column: Column) -> np.ndarray:
    if column.kind is ColumnKind.TRUTH:
        return column.values.astype(bool)
    return column.values.astype(np.int64) if column.kind is ColumnKind.WHOLE else column.values


def _groups(column: Column) -> Tensor:
    _, codes = np.unique(column.values, return_inverse=True)
    return torch.from_numpy(codes.reshape(-1).astype(np.int64))


def _times(column: Column) -> Tensor:
    if column.numeric:
        return torch.from_numpy(column.values.copy())
    try:
        return torch.tensor(days_of(list(column.values)), dtype=torch.float64)
    except ValueError as error:
        raise must_be(
            f"time column {column.name}", "numbers or ISO dates", str(error), error=BadData
        ) from error
