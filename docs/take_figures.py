"""Writes the figures of techniques.csv and explanations.csv into the rows of coverage.toml.

python docs/take_figures.py && python docs/make_coverage.py
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

TABLE = Path(__file__).with_name("coverage.toml")
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "techniques.csv"

EXPLANATIONS = RESULTS.with_name("explanations.csv")

EXPLAINED = {
    "occlusion": "occlusion",
    "gradient saliency": "saliency",
    "DeconvNet": "deconvnet",
    "guided backpropagation": "guided-backprop",
    "CAM": "cam",
    "Grad-CAM": "grad-cam",
    "guided Grad-CAM": "guided-grad-cam",
    "integrated gradients": "integrated-gradients",
    "SmoothGrad": "smoothgrad",
}
STUDIES = {"lungs": "chest-x-ray", "cells": "cells"}
MEASURES = {
    "precision_recall": "precision over recall of the masks",
    "deletion": "deletion area",
    "twin": "rank correlation with the maps of a twin that learned shuffled labels",
}

FIGURES = {"data", "metric", "floor", "result"}
BEFORE = {"state", "file", "test", "reference"}

Row = dict[str, str]


def newest() -> dict[str, list[Row]]:
    """The last row of each technique on each set, by name in the table."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        last = {
            (row["row"], row["data"], row["metric"], row["setting"]): row
            for row in csv.DictReader(file)
        }
    found = defaultdict(list)
    for row in last.values():
        found[row["row"]].append(row)
    return found


def fields(rows: list[Row]) -> Row:
    """What the table says of them."""
    return {
        "data": joined(row["data"] for row in rows),
        "metric": joined(f"{row['metric']} ({row['better']} is better)" for row in rows),
        "floor": joined(floor(row) for row in rows),
        "result": joined(result(row) for row in rows),
    }


def explained() -> dict[str, Row]:
    """What is said of each method of explanation, by name in the table."""
    if not EXPLANATIONS.exists():
        return {}
    with EXPLANATIONS.open(newline="", encoding="utf-8") as file:
        of = {(row["study"], row["method"], row["measure"]): row for row in csv.DictReader(file)}
    asked = [(study, measure) for study in STUDIES for measure in MEASURES]
    found = {}
    for name, method in EXPLAINED.items():
        rows = [
            (of[study, method, measure], of.get((study, "random-map", measure)))
            for study, measure in asked
            if (study, method, measure) in of
        ]
        if rows:
            measures = dict.fromkeys(
                f"{MEASURES[row['measure']]} ({row['better']} is better)" for row, _ in rows
            )
            found[name] = {
                "data": "; ".join(dict.fromkeys(STUDIES[row["study"]] for row, _ in rows)),
                "metric": f"on each: {'; '.join(measures)}",
                "floor": "; ".join(map(of_random, (rival for _, rival in rows))),
                "result": "; ".join(outcome(row) for row, _ in rows),
            }
    return found


def of_random(row: Row | None) -> str:
    """What random numbers reach; of maps that are compared with others, what the same are worth."""
    return "1 (the same maps)" if row is None else f"{interval(row)} (random numbers)"


def outcome(row: Row) -> str:
    """What a method reaches, and whether that is surely more than random numbers do."""
    same = row["over_random_low"] and float(row["over_random_low"]) <= 0
    return f"{interval(row)}{', not better' if same else ''}, n = {row['n']}"


def interval(row: Row) -> str:
    """Mean and interval, with two places."""
    value, low, high = (f"{float(row[name]):.2f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def joined(parts: Iterable[str]) -> str:
    """One after another, none twice in a row."""
    told: list[str] = []
    for part in parts:
        if not told or told[-1] != part:
            told.append(part)
    return "; ".join(told)


def floor(row: Row) -> str:
    """What the rival reaches."""
    if row["rival_mean"] == "nan":
        return f"not finite ({row['rival']})"
    return f"{spread(row, 'rival_')} ({row['rival']})"


def result(row: Row) -> str:
    """What the technique reaches."""
    seeds = row["seeds"] if row["wins"] == row["seeds"] else f"{row['wins']} of {row['seeds']}"
    return f"{spread(row, '')}, better with {seeds} seeds, n = {row['n']}"


def spread(row: Row, prefix: str) -> str:
    """The mean, with the least and the most."""
    mean, low, high = (row[f"{prefix}{name}"] for name in ("mean", "low", "high"))
    return mean if low == high else f"{mean} [{low}, {high}]"


def rewritten(block: str, figures: Mapping[str, Row]) -> str:
    """One row of the table with its figures; planned rows and others stay."""
    name = re.search(r'^row = "(.*)"$', block, flags=re.MULTILINE)
    if name is None or name[1] not in figures or 'state = "planned"' in block:
        return block
    lines = [line for line in block.rstrip("\n").split("\n") if not is_figure(line)]
    after = max(n for n, line in enumerate(lines) if line.partition(" = ")[0] in BEFORE)
    told = [f'{key} = "{value}"' for key, value in figures[name[1]].items()]
    tail = block[len(block.rstrip("\n")) :]
    return "\n".join([*lines[: after + 1], *told, *lines[after + 1 :]]) + tail


def is_figure(line: str) -> bool:
    """Whether it is one of the fields that are taken from the results."""
    return line.partition(" = ")[0] in FIGURES


def table(text: str) -> str:
    """The whole table with the figures of the results."""
    found = newest()
    figures = {name: fields(rows) for name, rows in found.items()} | explained()
    blocks = re.split(r"(?<=\n)(?=\[\[row\]\])", text)
    return "".join(rewritten(block, figures) for block in blocks)


def beaten(text: str) -> list[str]:
    """Rows that say done and pass on no set."""
    passed = {name: any(row["passes"] == "yes" for row in rows) for name, rows in newest().items()}
    done = {row["row"] for row in tomllib.loads(text)["row"] if row["state"] == "done"}
    return sorted(name for name in done if not passed.get(name, True))


if __name__ == "__main__":
    filled = table(TABLE.read_text(encoding="utf-8"))
    if failing := beaten(filled):
        raise SystemExit(f"done, but not over their floor: {', '.join(failing)}")
    TABLE.write_text(filled, encoding="utf-8")
