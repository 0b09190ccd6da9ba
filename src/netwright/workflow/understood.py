"""How the data were understood, in one line: the cheapest way to notice that they were not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["understood"]

_FORMS = {"image": "pictures", "table": "rows", "tensor": "examples"}


def understood(about: Mapping[str, Any]) -> str:
    """One line on what is learned from what.

    Args:
        about: the run's `data.json`.

    Example:
        >>> understood({
        ...     "name": "iris", "input_kind": "table", "input_shape": [4], "columns": 4,
        ...     "target": {"kind": "classes", "names": ["setosa", "versicolor", "virginica"]},
        ...     "splits": {"train": {"n": 105}, "test": {"n": 45}}, "skipped": [],
        ... })
        'iris: 150 rows of 4 columns → 3 classes (setosa, versicolor, virginica); ...'
    """
    target, splits = about["target"], about["splits"]
    count = sum(part["n"] for part in splits.values())
    shape = "×".join(map(str, about["input_shape"]))
    columns = about.get("columns")
    if columns:
        encoded = "" if about["input_shape"] == [columns] else f" ({shape} once encoded)"
        shape = f"{columns} columns{encoded}"
    parts = " · ".join(f"{name} {part['n']}" for name, part in splits.items())
    left_out = f"; {len(about['skipped'])} left out" if about["skipped"] else ""
    form = _FORMS.get(about["input_kind"], "examples")
    asked = _asked(target["kind"], target["names"])
    if target.get("parts"):
        tasks = target["parts"].items()
        asked = " and ".join(f"{task}, {_asked(one['kind'], one['names'])}" for task, one in tasks)
    return f"{about['name']}: {count} {form} of {shape} → {asked}; {parts}{left_out}"


def _asked(kind: str, names: list[str]) -> str:
    shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    if kind in ("classes", "ordinal", "multi-label"):
        things = {"classes": "classes", "ordinal": "ordered classes", "multi-label": "labels"}[kind]
        return f"{len(names)} {things} ({shown})"
    if kind == "binary":
        return f"{names[0]} or {names[1]}"
    return f"{kind}: {shown}"
