"""The tables of a report: metrics, confusion, classes, environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netwright.report.contents import Contents
from netwright.report.numbers import (
    bytes_in_words,
    count,
    figure,
    interval_of,
    split_in_words,
)
from netwright.report.pictures import heat_map

__all__ = ["class_table", "confusion", "environment_rows", "metric_rows"]

SHOWN_CLASSES = 20  # a confusion matrix that can still be read as numbers
LISTED_CLASSES = 40


def metric_rows(contents: Contents) -> list[dict[str, Any]]:
    """A row for each metric with a cell for each evaluated split."""
    names = dict.fromkeys(m for e in contents.evaluations.values() for m in e.get("metrics", {}))
    return [
        {
            "name": name.replace("_", " "),
            "cells": [
                _cell(evaluation.get("metrics", {}).get(name), name)
                for evaluation in contents.evaluations.values()
            ],
        }
        for name in names
    ]


def _cell(found: Mapping[str, Any] | None, name: str) -> dict[str, Any] | None:
    if found is None:
        return None
    value = figure(found.get("value"), name=name)
    return {"value": value, "interval": interval_of(found, name=name)}


def confusion(contents: Contents) -> dict[str, Any] | None:
    """The confusion matrix as cells, or as a picture where there are too many classes to read.

    Returns:
        {task, split, names, rows: [{name, cells: [{n, share, is_right}]}], picture, pairs}; None
        where there is no such matrix.
    """
    found = next((e for e in contents.evaluations.values() if e.get("confusion")), None)
    if found is None:
        return None
    matrix = np.asarray(found["confusion"], dtype=np.float64)
    names = [str(name) for name in found.get("names") or range(len(matrix))]
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    is_large = len(matrix) > SHOWN_CLASSES
    return {
        "task": contents.task,
        "split": split_in_words(found.get("split")),
        "names": names,
        "rows": [] if is_large else _confusion_rows(names, matrix, shares),
        "picture": heat_map(shares) if is_large else None,
        "pairs": _confused_pairs(names, matrix),
    }


def _confusion_rows(names: list[str], matrix: Any, shares: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "cells": [
                {
                    "n": count(matrix[true, predicted]) if matrix[true, predicted] else "",
                    "share": f"{100 * shares[true, predicted]:.0f}",
                    "is_right": true == predicted,
                    "predicted": names[predicted],
                }
                for predicted in range(len(names))
            ],
        }
        for true, name in enumerate(names)
    ]


def _confused_pairs(names: list[str], matrix: Any, *, shown: int = 8) -> list[dict[str, Any]]:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    places = np.argsort(-wrong, axis=None, kind="stable")[:shown]
    return [
        {"target": names[true], "prediction": names[predicted], "n": count(wrong[true, predicted])}
        for true, predicted in (divmod(int(place), len(names)) for place in places)
        if wrong[true, predicted] > 0
    ]


def class_table(contents: Contents) -> dict[str, Any]:
    """How many examples each split holds, and of which classes.

    Returns:
        {splits: [{name, n}], rows: [{name, cells: [{n, share}]}], left_out}.
    """
    splits: Mapping[str, Any] = contents.data.get("splits") or {}
    totals: dict[str, int] = {}
    for split in splits.values():
        for name, n in (split.get("classes") or {}).items():
            totals[name] = totals.get(name, 0) + n
    names = list(totals)
    if len(names) > LISTED_CLASSES:
        names = sorted(names, key=lambda name: -totals[name])[:LISTED_CLASSES]
    return {
        "splits": [
            {"name": split_in_words(name), "n": count(split.get("n", 0))}
            for name, split in splits.items()
        ],
        "rows": [_class_row(name, splits) for name in names],
        "left_out": len(totals) - len(names),
    }


def _class_row(name: str, splits: Mapping[str, Any]) -> dict[str, Any]:
    cells = []
    for split in splits.values():
        classes = split.get("classes") or {}
        most = max(classes.values(), default=1) or 1
        n = classes.get(name, 0)
        cells.append({"n": count(n), "share": f"{100 * n / most:.0f}"})
    return {"name": name, "cells": cells}


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of what the run was made with."""
    hardware = environment.get("hardware") or {}
    threads = environment.get("threads") or {}
    git = environment.get("git") or {}
    devices = [
        f"{device.get('name')} ({bytes_in_words(device.get('memory_bytes'))})"
        for device in hardware.get("accelerators") or []
    ]
    rows = [
        ("Began", environment.get("began")),
        ("Processor", hardware.get("processor")),
        ("Cores", hardware.get("usable_cores") or hardware.get("cores")),
        ("Threads", threads.get("within_operation")),
        ("Memory", hardware.get("memory_bytes") and bytes_in_words(hardware["memory_bytes"])),
        ("Accelerators", ", ".join(devices) or None),
        ("System", environment.get("system")),
        ("Commit", git.get("commit") and _commit(git)),
        ("Command", " ".join(environment.get("command") or []) or None),
        *((name, value) for name, value in (environment.get("versions") or {}).items()),
    ]
    return [(name, str(value)) for name, value in rows if value is not None]


def _commit(git: Mapping[str, Any]) -> str:
    return f"{git['commit'][:12]}{' with uncommitted changes' if git.get('changed') else ''}"
