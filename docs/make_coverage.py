"""Makes docs/coverage.md from docs/coverage.toml.

python docs/make_coverage.py
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from itertools import groupby
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("coverage.toml")
PAGE = Path(__file__).with_name("coverage.md")
RESULTS = TABLE.parents[1] / "benchmarks" / "results" / "techniques.csv"
STATES = ("done", "partial", "planned")


def rows() -> list[dict[str, str]]:
    """The rows of the table, in its order."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))["row"]


def page(table: list[dict[str, str]]) -> str:
    """The whole page."""
    counts = Counter(row["state"] for row in table)
    parts = [
        "# What is there, and what is not yet",
        "Made from `coverage.toml` by `docs/make_coverage.py`; a test holds the two together. "
        "*Done* is reachable from Python and, where a person would use it so, from the command "
        "line, over its floor on real data, and held by a test against an independent reference.",
        f"**{len(table)} rows: {', '.join(f'{counts[state]} {state}' for state in STATES)}.**",
        summary(table),
        "A figure is the mean over seeds with the least and the most, of the held-out test split "
        "of n examples. " + measured_on(),
    ]
    for section, members in groupby(table, key=lambda row: row["section"]):
        parts += [f"## {section}", section_table(list(members))]
    return "\n\n".join(parts) + "\n"


def measured_on() -> str:
    """Machines and versions of the figures."""
    if not RESULTS.exists():
        return ""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        found = {
            f"{row['date']} on {row['processor']}; Python {row['python']}, torch {row['torch']}, "
            f"torchvision {row['torchvision']}, timm {row['timm']}, scikit-learn "
            f"{row['scikit-learn']}, netwright {row['netwright']}"
            for row in csv.DictReader(file)
        }
    return f"Measured by `benchmarks/techniques.py`: {'; '.join(sorted(found))}; one thread."


def summary(table: list[dict[str, str]]) -> str:
    """One line a section."""
    lines = ["| section | done | partial | planned |", "|---|---:|---:|---:|"]
    for section, members in groupby(table, key=lambda row: row["section"]):
        counts = Counter(row["state"] for row in members)
        lines.append(f"| {section} | {' | '.join(str(counts[state]) for state in STATES)} |")
    return "\n".join(lines)


def section_table(members: list[dict[str, str]]) -> str:
    """What stands, row by row; then the planned ones in one paragraph, none left out."""
    standing = [row for row in members if row["state"] != "planned"]
    planned = [row["row"] for row in members if row["state"] == "planned"]
    parts = []
    if standing:
        head = [
            "| row | state | where | held by | data | floor → result | note |",
            "|---" * 7 + "|",
        ]
        parts.append("\n".join(head + [line(row) for row in standing]))
    if planned:
        parts.append(f"Planned ({len(planned)}): {' · '.join(planned)}.")
    return "\n\n".join(parts)


def line(row: dict[str, str]) -> str:
    """One row that stands."""
    figures = ""
    if row.get("result"):
        figures = f"{row.get('metric', '')}: {row.get('floor', '')} → {row['result']}"
    cells = [
        row["row"],
        row["state"],
        f"`{row['file'].replace('src/netwright/', '')}`" if row.get("file") else "",
        row.get("reference", ""),
        row.get("data", ""),
        figures.strip(": "),
        row.get("note", ""),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(rows()), encoding="utf-8")
