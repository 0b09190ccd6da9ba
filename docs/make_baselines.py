"""Puts the tables of benchmarks/results/baselines.csv into docs/baselines.md.

python docs/make_baselines.py
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

PAGE = Path(__file__).resolve().with_name("baselines.md")
RESULTS = PAGE.parents[1] / "benchmarks" / "results" / "baselines.csv"
MARK = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", flags=re.DOTALL)

Row = dict[str, str]


def newest() -> list[Row]:
    """The last row of each model on each set, in the order in which they came."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return list(
            {
                (row["data"], row["seed"], row["inputs"], row["model"]): row
                for row in csv.DictReader(file)
            }.values()
        )


def page(text: str) -> str:
    """The page with the tables of the results."""
    tables = "\n\n".join(part for part in parts(newest()) if part)
    return MARK.sub(lambda found: f"{found[1]}\n{tables}\n\n{found[2]}", text)


def parts(rows: list[Row]) -> Iterable[str]:
    """What stands between the marks."""
    sets = sorted(rows, key=lambda row: row["data"])
    for data, members in groupby(sets, key=lambda row: row["data"]):
        first = [row for row in members if row["seed"] == "0"]
        named = simplest(rows, data)
        yield f"### {data}\n\n{said(first)} Named over {len(named)} splits: {', '.join(named)}."
        yield table(first)
    yield measured_on(rows)


def simplest(rows: list[Row], data: str) -> list[str]:
    """What was named, split by split; on features given elsewhere nothing is."""
    named = {}
    for row in rows:
        if row["data"] == data and row["simplest"] == "yes":
            named.setdefault(row["seed"], row["model"])
    return list(named.values())


def said(rows: list[Row]) -> str:
    """How much was learned from and judged."""
    one = rows[0]
    return f"{one['n_train']} examples learned from, {one['n_test']} judged."


def table(rows: list[Row]) -> str:
    """One line a model, the best first."""
    sign = -1 if rows[0]["better"] == "higher" else 1
    lines = [
        f"| model | inputs | {rows[0]['metric']} | loss to the best | fit | answer |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: sign * float(row["value"])):
        name = f"**{row['model']}**" if row["simplest"] == "yes" else row["model"]
        lines.append(
            f"| {name} | {row['inputs']} | {row['value']} [{row['low']}, {row['high']}] "
            f"| {row['loss']} [{row['loss_low']}, {row['loss_high']}] "
            f"| {seconds(row['fit_seconds'])} | {seconds(row['predict_seconds'])} |"
        )
    return "\n".join(lines)


def seconds(text: str) -> str:
    """A time, as written."""
    return f"{text} s" if text else "–"


def measured_on(rows: list[Row]) -> str:
    """Machines and versions."""
    found = {
        f"{row['date']} on {row['processor']}, torch {row['torch']}, scikit-learn "
        f"{row['scikit-learn']}, netwright {row['netwright']}"
        for row in rows
    }
    return f"Measured by `benchmarks/baselines.py`: {'; '.join(sorted(found))}; one thread."


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
