"""Fills the tables of docs/explaining.md from benchmarks/results and the catalogue.

python docs/make_explaining.py
"""

from __future__ import annotations

import re
from pathlib import Path

from _sections import with_sections
from make_measured import RESULTS, Row, cells, newest, rows, surroundings

from netwright.explain.catalogue import CATALOGUE

PAGE = Path(__file__).with_name("explaining.md")
FIRST = ("random-map", "centre", "mean-mask")
CALLED = {
    "random-map": "*random numbers*",
    "centre": "*a blob in the middle*",
    "mean-mask": "*mean of the other masks*",
}
HEADS = {
    "pointing": "highest point inside",
    "energy": "mass inside",
    "precision_recall": "precision over recall",
    "border": "mass at the border",
    "deletion": "deletion ↓",
    "insertion": "insertion ↑",
    "twin": "like the twin's ↓",
}


def methods() -> str:
    """What there is, a line each."""
    return "\n".join(
        f"- `{entry.name}`: {entry.summary}{source(entry.paper)}" for entry in CATALOGUE
    )


def source(paper: str) -> str:
    """Where it comes from, as a link."""
    found = re.fullmatch(r"(.*), (\d{4}), (https?://\S+)", paper)
    return f' ([{found[2]}]({found[3]} "{found[1]}"))' if found else ""


def lungs(results: Path = RESULTS) -> str:
    """X-rays."""
    return of("lungs", results)


def cells_found(results: Path = RESULTS) -> str:
    """Cut-outs with cells."""
    return of("cells", results)


def of(study: str, results: Path) -> str:
    """A line a method, a column a measure, and what was judged."""
    found = newest(rows(results / "explanations.csv"), by=("study", "method", "measure"))
    found = [row for row in found if row["study"] == study]
    if not found:
        return "Not measured yet."
    by_method: dict[str, dict[str, Row]] = {}
    for row in found:
        by_method.setdefault(row["method"], {})[row["measure"]] = row
    order = [*(name for name in FIRST if name in by_method), *ranked(by_method)]
    lines = [cells("", "n", *HEADS.values(), "ms"), "|" + "---|" * (len(HEADS) + 3)]
    for name in order:
        measures = by_method[name]
        first = next(iter(measures.values()))
        shown = (cell(measures.get(measure)) for measure in HEADS)
        lines.append(cells(CALLED.get(name, name), first["n"], *shown, first["milliseconds"]))
    return "\n".join([*lines, "", about(found[0]), "", *surroundings(found)])


def ranked(by_method: dict[str, dict[str, Row]]) -> list[str]:
    """Methods, those that lie best on the mask first."""
    names = [name for name in by_method if name not in FIRST]
    return sorted(names, key=lambda name: -float(by_method[name]["precision_recall"]["value"]))


def cell(row: Row | None) -> str:
    """Mean and interval; bold where it is better than random numbers and the blob, both surely."""
    if row is None:
        return "–"
    told = f"{short(row['value'])} [{short(row['low'])}, {short(row['high'])}]"
    leads = [row["over_random_low"], row["over_centre_low"]]
    return f"**{told}**" if all(leads) and min(map(float, leads)) > 0 else told


def short(value: str) -> str:
    """Two places."""
    return f"{float(value):.2f}"


def about(row: Row) -> str:
    """What the explained networks are worth."""
    return (
        f"Test accuracy of the {row['nets']} networks: mean {100 * float(row['accuracy']):.1f} %, "
        f"the widest of their 95 % intervals together {100 * float(row['accuracy_low']):.1f} to "
        f"{100 * float(row['accuracy_high']):.1f} % (n = {row['n_test']} each). Marked is "
        f"{100 * float(row['marked']):.0f} % of the pixels. The twin's log loss on the labels it "
        f"learned: {row['twin_loss']}; a guess is worth 0.69."
    )


def attention(results: Path = RESULTS) -> str:
    """Maps of vision transformers."""
    found = newest(rows(results / "attention.csv"), by=("method", "figure"))
    if not found:
        return "Not measured yet."
    figures = list(dict.fromkeys(row["figure"] for row in found))
    lines = [cells("", *figures), "|" + "---|" * (len(figures) + 1)]
    for name in dict.fromkeys(row["method"] for row in found):
        of_it = {row["figure"]: row for row in found if row["method"] == name}
        shown = (f"{of_it[f]['value']} [{of_it[f]['low']}, {of_it[f]['high']}]" for f in figures)
        lines.append(cells(name, *shown))
    told = (
        f"{found[0]['networks']} networks, accuracy {found[0]['accuracy']}; n = {found[0]['n']} "
        "pictures in all."
    )
    return "\n".join([*lines, "", told, "", *surroundings(found)])


def speed(results: Path = RESULTS) -> str:
    """What explanations cost beside others."""
    found = newest(rows(results / "explain_speed.csv"), by=("group", "contestant"))
    if not found:
        return "Not measured yet."
    lines = [cells("", "", "", "ratio to the first"), "|---|---|---|---|"]
    for row in found:
        interval = f" [{row['low']}, {row['high']}]" if row["low"] not in ("", row["high"]) else ""
        cost = f"{row['figure']} {row['unit']}"
        lines.append(cells(row["group"], row["contestant"], cost, row["ratio"] + interval))
    for row in newest(rows(results / "explain_curves.csv"), by=("curve", "beside")):
        beside = f"{row['pictures']} pictures in {row['steps']} steps, beside the {row['beside']}"
        cost = f"{row['ms_a_picture']} ms a picture"
        lines.append(
            cells(row["curve"], beside, cost, f"{row['ratio']} [{row['low']}, {row['high']}]")
        )
    return "\n".join([*lines, "", *surroundings(found)])


SECTIONS = (methods, lungs, cells_found, attention, speed)


def page(text: str) -> str:
    """The page with every section between its markers filled."""
    return with_sections(text, SECTIONS, page=PAGE)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
