"""From the values of a target to what is asked for: kind, names and codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright._errors import BadData, must_be, offenders
from netwright.data.dataset import Target, TargetKind

__all__ = ["as_columns", "class_target", "infer_target", "side_by_side", "tidy"]

FEW = 20
"""At most so many distinct whole numbers are classes whatever they are."""

ROWS_A_CLASS = 10
"""More are classes only where they run 0..k−1 without a gap, so many examples to each."""

NUMERIC = {
    TargetKind.COUNTS,
    TargetKind.REAL,
    TargetKind.QUANTILES,
    TargetKind.BINS,
}


def class_target(codes: np.ndarray, names: Sequence[str], *, kind: TargetKind | None) -> Target:
    """The target of examples that are sorted into named classes.

    Args:
        codes: (n,) place of each example's class in `names`.
        names: the classes, in their order; one that no example has is kept.
        kind: None for binary or classes by their number; the names must be numbers for ordinal,
            counts, real, quantiles and bins.

    Raises:
        BadData: one class only where `kind` is left out (a file that is to be judged by may hold
            no more), or names that can't be what `kind` asks for.
    """
    if kind is TargetKind.NONE:
        return Target(kind=TargetKind.NONE)
    if kind is TargetKind.SEVERAL:
        return side_by_side({"class": class_target(codes, names, kind=None)})
    if kind in NUMERIC or kind in (TargetKind.ORDINAL, TargetKind.MULTI_LABEL):
        words = np.array(names, dtype=object)[codes]
        return infer_target(words, names=("class",), kind=kind)
    if kind is None:
        _refuse_one_class(names)
    chosen = kind or _by_number(len(names))
    if chosen is TargetKind.BINARY and len(names) > 2:
        raise _not_binary(names)
    values = torch.from_numpy(np.asarray(codes, dtype=np.int64))
    return Target(kind=chosen, names=tuple(names), values=values)


def infer_target(
    values: np.ndarray, *, names: Sequence[str], kind: TargetKind | None = None
) -> Target:
    """The target that a column, or several, stand for.

    One column: words, truth values and few distinct whole numbers are classes (two: binary, the
    later one positive); fractions are real, save that 0.0 and 1.0 alone are binary. Whole numbers
    are few when they are at most 20 distinct, or run 0..k−1 with ten examples to each.
    Several columns: 0 and 1 alone are multi-label, or classes where every row holds one 1 (one-hot)
    and more than one column does; anything else is real.

    Args:
        values: (n,) words, truth values or numbers, or (n, t) numbers; none missing.
        names: of the columns.
        kind: overrides what would be inferred. Ordinal takes the distinct numbers in their order;
            classes of several columns wants one 1 in each row; several has this one as its only
            part.

    Raises:
        BadData: one class only where `kind` is left out, or values that can't be what it asks for.
    """
    if kind is TargetKind.NONE:
        return Target(kind=TargetKind.NONE)
    if kind is TargetKind.SEVERAL:
        one = names[0] if len(names) == 1 else "target"
        return side_by_side({one: infer_target(values, names=names)})
    if values.ndim == 2 and values.shape[1] == 1 and kind is not TargetKind.MULTI_LABEL:
        values = values[:, 0]
    if values.ndim == 2 or kind is TargetKind.MULTI_LABEL:
        return _several(values.reshape(len(values), -1), tuple(names), kind)
    chosen = kind or _guess(values)
    if chosen in NUMERIC:
        return _numbers(values, names=tuple(names), kind=chosen)
    if chosen is TargetKind.ORDINAL:
        values = _as_numbers(values, chosen)
    distinct, codes = np.unique(values, return_inverse=True)
    target = class_target(
        codes.reshape(-1), [_word(value) for value in distinct], kind=_unless_ordinal(chosen)
    )
    return Target(kind=chosen or target.kind, names=target.names, values=target.values)


def side_by_side(parts: Mapping[str, Target]) -> Target:
    """Targets of the same examples as one of the kind several.

    Args:
        parts: name of the task → its targets, NaN where an example has none.
    """
    return Target(
        kind=TargetKind.SEVERAL,
        names=tuple(parts),
        values=torch.cat([as_columns(part) for part in parts.values()], dim=1),
        parts={name: replace(part, values=None) for name, part in parts.items()},
    )


def as_columns(target: Target) -> Tensor:
    """The values as (n, columns) float32."""
    if target.values is None:
        raise must_be("targets", "given for every task", None, error=BadData)
    values = target.values.to(torch.float32)
    return values[:, None] if values.ndim == 1 else values


def tidy(values: np.ndarray) -> np.ndarray:
    """Objects as what they are: words, or numbers where all of them are."""
    if values.dtype.kind != "O":
        return values
    flat = values.reshape(-1)
    if all(isinstance(value, (bool, np.bool_)) for value in flat):
        return values.astype(bool)
    if all(isinstance(value, (int, np.integer)) for value in flat):
        return values.astype(np.int64)
    if all(isinstance(value, (int, float, np.number)) for value in flat):
        return values.astype(np.float64)
    return np.array([str(value) for value in flat], dtype=object).reshape(values.shape)


def _unless_ordinal(kind: TargetKind | None) -> TargetKind | None:
    return TargetKind.CLASSES if kind is TargetKind.ORDINAL else kind


def _guess(values: np.ndarray) -> TargetKind | None:
    """None for classes whose number decides."""
    if values.dtype.kind in "OUSb":
        return None
    distinct = np.unique(values)
    if values.dtype.kind in "iu":
        without_gap = distinct[0] == 0 and distinct[-1] == len(distinct) - 1
        many = without_gap and len(values) >= ROWS_A_CLASS * len(distinct)
        return None if len(distinct) <= FEW or many else TargetKind.REAL
    return TargetKind.BINARY if np.array_equal(distinct, [0, 1]) else TargetKind.REAL


def _several(values: np.ndarray, names: tuple[str, ...], kind: TargetKind | None) -> Target:
    if values.dtype.kind in "OUS":
        raise must_be(
            "target",
            "numbers where it is several columns",
            list(names),
            "Name one, or learn each as a task: --method multi-task.",
            error=BadData,
        )
    numbers = values.astype(np.float64)
    yes_or_no = bool(np.isin(numbers, (0, 1)).all())
    if kind is None and yes_or_no and _one_hot(numbers):
        return class_target(numbers.argmax(1), names, kind=None)
    chosen = kind or (TargetKind.MULTI_LABEL if yes_or_no else TargetKind.REAL)
    if chosen in NUMERIC:
        return _numbers(numbers, names=names, kind=chosen)
    if not yes_or_no:
        wrong = np.unique(numbers[~np.isin(numbers, (0, 1))])
        raise _unfit(chosen, "0 or 1 in every column", wrong)
    if chosen is TargetKind.MULTI_LABEL:
        values32 = torch.from_numpy(numbers.astype(np.float32))
        return Target(kind=chosen, names=names, values=values32)
    if chosen is TargetKind.ORDINAL or not (numbers.sum(1) == 1).all():
        raise must_be(
            "kind",
            f"multi-label or real for {len(names)} target columns that hold more or less than one 1"
            if chosen is not TargetKind.ORDINAL
            else "multi-label, classes or real for several target columns",
            str(chosen),
            "Name one target column, or leave kind out.",
            error=BadData,
        )
    return class_target(numbers.argmax(1), names, kind=chosen)


def _one_hot(numbers: np.ndarray) -> bool:
    return bool((numbers.sum(1) == 1).all()) and int(numbers.any(0).sum()) > 1


def _numbers(values: np.ndarray, *, names: tuple[str, ...], kind: TargetKind) -> Target:
    numbers = _as_numbers(values, kind)
    if kind is TargetKind.COUNTS:
        wrong = np.unique(numbers[(numbers < 0) | (numbers != np.floor(numbers))])
        if len(wrong):
            raise _unfit(kind, "whole numbers from 0", wrong)
    return Target(kind=kind, names=names, values=torch.from_numpy(numbers.astype(np.float32)))


def _as_numbers(values: np.ndarray, kind: TargetKind) -> np.ndarray:
    if values.dtype.kind not in "OUS":
        return values.astype(np.float64)
    wrong = sorted({str(value) for value in values.reshape(-1) if not _is_number(value)})
    if wrong:
        raise _unfit(kind, "numbers", wrong)
    return values.astype(np.float64)


def _is_number(value: object) -> bool:
    try:
        return bool(np.isfinite(float(str(value))))
    except ValueError:
        return False


def _word(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.12g}"
    return str(value)


def _by_number(count: int) -> TargetKind:
    return TargetKind.BINARY if count == 2 else TargetKind.CLASSES


def _refuse_one_class(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise BadData(
            f"target must be of at least two classes, got one class only: {offenders(names)}. "
            "Add examples of another class; nothing can be told apart otherwise."
        )


def _not_binary(names: Sequence[str]) -> BadData:
    return BadData(
        f"target must be of two classes for kind='binary', got {len(names)}: {offenders(names)}. "
        "Use kind='classes', or leave kind out."
    )


def _unfit(kind: TargetKind, rule: str, wrong: Sequence[object] | np.ndarray) -> BadData:
    listed = offenders(_word(value) for value in wrong)
    return BadData(
        f"target must be {rule} for kind='{kind}', got {listed}. Choose another kind, or leave it "
        "out to have it inferred."
    )
