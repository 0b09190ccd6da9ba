"""Fills the tables of docs/architectures.md, from the catalogue and benchmarks/results.

python docs/make_architectures.py
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from _sections import with_sections

from netwright._catalogue import Entry
from netwright.models import describe
from netwright.models.backbones.field_names import FIELD_NAMES
from netwright.models.catalogue import CATALOGUE

PAGE = Path(__file__).parent / "architectures.md"
MEASURED = PAGE.parents[1] / "benchmarks" / "results" / "architectures.csv"
HEAD = "| name | what it is | paper | parameters | smallest | differs from the paper |"
RULE = "|---|---|---|--:|--:|---|"


def measured() -> str:
    """What each reaches under one budget, the best first."""
    with MEASURED.open(newline="", encoding="utf-8") as file:
        newest = {row["model"]: row for row in csv.DictReader(file)}
    best_first = sorted(newest.values(), key=lambda row: -float(row["accuracy"]))
    columns = "accuracy | lowest–highest | pixels | parameters | multiply-adds | pictures seen"
    return "\n".join(
        [
            f"| network | {columns} | seconds | rate |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_reached(row) for row in best_first),
        ]
    )


def _reached(row: dict[str, str]) -> str:
    cells = (
        f"`{row['model']}`" + (f" ({row['options']})" if row["options"] else ""),
        f"{float(row['accuracy']):.3f}",
        f"{float(row['lowest']):.3f}–{float(row['highest']):.3f}",
        f"{row['side']}²",
        f"{int(row['parameters']):,}",
        f"{int(row['multiply_adds']) / 1e6:.1f} M",
        f"{int(row['pictures']):,}",
        row["seconds"],
        row["rate"],
    )
    return f"| {' | '.join(cells)} |"


def ours() -> str:
    """Networks of our own."""
    return _table([_row(one, one.name) for one in CATALOGUE if "library" not in one.facts])


def field() -> str:
    """Names of the field for what torchvision and timm keep."""
    rows = []
    for full in dict.fromkeys(FIELD_NAMES.values()):
        short = [f"`{name}`" for name, other in FIELD_NAMES.items() if other == full]
        rows.append(_row(describe(full), f"{', '.join(short)} = `{full}`", is_marked=True))
    return _table(rows)


def torchvision() -> str:
    """Every classifier of torchvision."""
    entries = [one for one in CATALOGUE if one.facts.get("library") == "torchvision"]
    return _table([_row(one, one.name) for one in entries])


def _table(rows: list[str]) -> str:
    return "\n".join([HEAD, RULE, *rows])


def _row(entry: Entry, name: str, *, is_marked: bool = False) -> str:
    facts = entry.facts
    parameters = f"{facts['parameters']:,}" if "parameters" in facts else ""
    multiple = facts.get("multiple", 1)
    smallest = facts.get("smallest", "")
    size = f"multiples of {multiple}" if multiple > 1 else str(smallest)
    shown = name if is_marked else f"`{name}`"
    cells = (shown, entry.summary, _link(entry.paper), parameters, size, facts.get("differs", ""))
    return f"| {' | '.join(cells)} |"


def _link(paper: str) -> str:
    found = re.fullmatch(r"(.*), (\d{4}), (https?://\S+)", paper)
    return f"[{found[1]}, {found[2]}]({found[3]})" if found else paper


SECTIONS = (measured, ours, field, torchvision)


def page() -> str:
    """The page with its tables filled."""
    return with_sections(PAGE.read_text(encoding="utf-8"), SECTIONS, page=PAGE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
