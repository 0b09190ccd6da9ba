"""Several targets of one example, each of a kind of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from netwright._errors import BadData, unknown
from netwright.data.dataset import Target, TargetKind
from netwright.data.sources.targets import as_columns, infer_target, side_by_side, tidy

__all__ = ["several_targets", "without_any"]


def several_targets(
    columns: Mapping[str, np.ndarray],
    *,
    missing: Mapping[str, np.ndarray],
    kinds: Mapping[str, TargetKind] | None = None,
) -> Target:
    """The targets of examples that are asked several things, by the rules of `infer_target` each.

    What an example is not asked is NaN or None there. Whole numbers that had to become fractions to
    hold a NaN are whole numbers.

    Args:
        columns: name of the task → (n,) or (n, t) values, as one target alone would come.
        missing: name of the task → (n,) where an example has no such target.
        kinds: of the tasks whose values should not decide.

    Raises:
        BadData: a task that nothing can be learned from; it is named.
    """
    for name in kinds or {}:
        if name not in columns:
            raise unknown("task", name, columns)
    parts = {
        name: _part(name, values, there=~missing[name], kind=(kinds or {}).get(name))
        for name, values in columns.items()
    }
    return side_by_side(parts)


def without_any(missing: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n,) where an example has no target of any task."""
    found: np.ndarray = np.logical_and.reduce(list(missing.values()))
    return found


def _part(name: str, values: np.ndarray, *, there: np.ndarray, kind: TargetKind | None) -> Target:
    if not there.any():
        raise BadData(f"task {name} must have a target in one example at least, got none.")
    given = tidy(values[there])
    if not there.all() and given.dtype.kind == "f" and (given == np.floor(given)).all():
        given = given.astype(np.int64)
    wide = given.ndim == 2 and given.shape[1] > 1
    names = [f"{name} {place}" for place in range(given.shape[1])] if wide else [name]
    try:
        found = infer_target(given, names=names, kind=kind)
    except BadData as error:
        raise BadData(f"Task {name}: {error}") from error
    held = as_columns(found)
    whole = torch.full((len(values), held.shape[1]), torch.nan)
    whole[torch.from_numpy(there)] = held
    return replace(found, values=whole)
