"""Rows of figures, each with the machine, the versions and the day it was measured."""

from __future__ import annotations

import csv
import datetime
import os
import platform
import random
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

__all__ = ["bootstrap", "surroundings", "write_rows"]

Row = TypeVar("Row")
RESULTS = Path(__file__).resolve().parent / "results"


def bootstrap(
    figure: Callable[[Sequence[Row]], float],
    rows: Sequence[Row],
    *,
    level: float = 0.95,
    resamples: int = 4000,
) -> tuple[float, float, float]:
    """Any figure of the rows with its percentile-bootstrap interval."""
    draw = random.Random(0)
    drawn = sorted(figure(draw.choices(rows, k=len(rows))) for _ in range(resamples))
    tail = (1 - level) / 2
    return figure(rows), drawn[int(tail * resamples)], drawn[int((1 - tail) * resamples) - 1]


def surroundings(*packages: str) -> dict[str, str]:
    """What a figure depends on besides the code: date, processor, cores, versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def write_rows(name: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Append rows to benchmarks/results/NAME.csv; the columns are those of the first row."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    columns = list(rows[0])
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            before = next(csv.reader(file))
        if before != columns:
            raise SystemExit(f"{path} has columns {before}, the new rows {columns}; move it away.")
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
    return path


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
