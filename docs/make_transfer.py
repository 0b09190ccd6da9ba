"""Fills the tables of docs/transfer.md, from benchmarks/results/transfer_table.csv.

python docs/make_transfer.py
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from _sections import with_sections

PAGE = Path(__file__).with_name("transfer.md")
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"

WORTH = {
    "majority": "commonest class",
    "pixels": "logistic regression on pixels",
    "scratch": "from scratch",
    "frozen": "frozen features",
    "fine-tuned": "fine-tuned",
}
TECHNIQUES = {
    "fine-tuned": "plain",
    "freezing": "three of six blocks frozen",
    "layer-wise rates": "rates halved by depth",
    "head first": "head first",
    "gradual": "gradual",
}
KEPT = {"scratch": "none"} | {f"keep {count}": str(count) for count in range(1, 6)}


def transfer_worth() -> str:
    """Every way at every share of the labels."""
    return _table(WORTH, shares=(0.01, 0.1, 1.0))


def transfer_techniques() -> str:
    """Ways to fine-tune, at a tenth of the labels."""
    return _table(TECHNIQUES, shares=(0.1,))


def transfer_kept() -> str:
    """The lowest blocks kept and frozen, the rest drawn anew."""
    return _table(KEPT, shares=(0.1,), only="keep 5")


def _table(ways: Mapping[str, str], *, shares: Sequence[float], only: str = "") -> str:
    head = f"| data | labels | {' | '.join(ways.values())} | n |"
    lines = [head, "|---|--:|" + "--:|" * (len(ways) + 1)]
    for (data, share), (cells, labels, n) in _measured().items():
        if share in shares and (not only or only in cells):
            shown = " | ".join(_spread(cells.get(way, [])) for way in ways)
            lines.append(f"| {data} | {share:.0%} ({labels:,}) | {shown} | {n:,} |")
    return "\n".join(lines)


def _measured() -> dict[tuple[str, float], tuple[dict[str, list[float]], int, int]]:
    """Right answers in %, by data and share of the labels: of each way, those of the seeds."""
    found: dict[tuple[str, float], tuple[dict[str, list[float]], int, int]] = {}
    with (RESULTS / "transfer_table.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = row["data"], float(row["share"])
            cells, _, _ = found.setdefault(place, ({}, int(row["labels"]), int(row["n_test"])))
            cells.setdefault(row["way"], []).append(100 * float(row["accuracy"]))
    return dict(sorted(found.items()))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    if max(values) - min(values) < 0.05:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ({min(values):.1f}–{max(values):.1f})"


SECTIONS = (transfer_worth, transfer_techniques, transfer_kept)


def page() -> str:
    """The page with its tables filled."""
    return with_sections(PAGE.read_text(encoding="utf-8"), SECTIONS, page=PAGE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
