"""Fills docs/evaluation.md's figures from benchmarks/results.

python docs/make_evaluation.py
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from _sections import with_sections

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "evaluation.md"
RESULTS = ROOT / "benchmarks" / "results"

Row = dict[str, str]


def newest(name: str, *, by: tuple[str, ...]) -> list[Row]:
    """The last row of each kind."""
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        last = {tuple(row[key] for key in by): row for row in csv.DictReader(file)}
    return list(last.values())


def table(header: list[str], rows: list[list[str]]) -> str:
    """As Markdown has it."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def coverage() -> str:
    """Law and metric by size: how often the interval holds the truth."""
    rows = newest("interval_coverage", by=("law", "metric", "n"))
    sizes = sorted({int(row["n"]) for row in rows})
    found: dict[tuple[str, str, str], dict[int, Row]] = {}
    for row in rows:
        key = (row["law"], row["metric"], row["truth"])
        found.setdefault(key, {})[int(row["n"])] = row
    lines = [
        [law, metric, truth, *(by_size[size]["coverage"] for size in sizes)]
        for (law, metric, truth), by_size in found.items()
    ]
    worst = min(rows, key=lambda row: float(row["coverage"]))
    guarded = [row for row in rows if row["metric"] in ("accuracy", "roc_auc", "f1")]
    least = min(guarded, key=lambda row: float(row["coverage"]))
    most = max(int(row["trials"]) for row in rows)
    told = (
        f"The worst of all is {worst['coverage']} ({worst['metric']}, {worst['law']}, n = "
        f"{worst['n']}); of accuracy, AUC and F1 it is {least['coverage']} ({least['metric']}, "
        f"{least['law']}, n = {least['n']}). {most} samples a figure, half as many at n = 1000: a "
        "true 0.95 is counted between 0.925 and 0.975."
    )
    header = ["law", "metric", "true figure", *(f"n = {size}" for size in sizes)]
    return f"{table(header, lines)}\n\n{told}"


def promises() -> str:
    """What `calibrate` keeps."""
    return of_rows(lambda what: what.startswith("sets") or "temperature" in what)


def abstention() -> str:
    """What abstaining gains."""
    return of_rows(lambda what: "wrong" in what)


def costs() -> str:
    """What decisions cost."""
    return of_rows(lambda what: what.startswith("costs"))


def folds() -> str:
    """Cross-validations."""
    return of_rows(lambda what: what.startswith("folds"))


def of_rows(wanted: Callable[[str], bool]) -> str:
    """Rows of the reliability benchmark."""
    rows = newest("reliability", by=("data", "what", "figure"))
    lines = [
        [row["data"], row["what"], row["figure"], f"{row['mean']}{spread(row)}", row["n"]]
        for row in rows
        if wanted(row["what"])
    ]
    return table(["data", "what", "figure", "mean ± sd", "n"], lines)


def spread(row: Row) -> str:
    """The standard deviation, where there is one."""
    return f" ± {row['sd']}" if row["sd"] else ""


def page(text: str) -> str:
    """The page with every section between its markers filled."""
    return with_sections(text, (coverage, promises, abstention, costs, folds), page=PAGE)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
