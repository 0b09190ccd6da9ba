"""Writes docs/learning.md from benchmarks/results: how the parts of learning compare.

python docs/make_learning.py
"""

from __future__ import annotations

from pathlib import Path

from make_measured import RESULTS, Row, cells, newest, rows, surroundings

PAGE = Path(__file__).with_name("learning.md")

PREFACE = (
    "Made from `benchmarks/results` by `docs/make_learning.py`; `benchmarks/learning.py` says how. "
    "Mean ± standard deviation over five seeds, which draw weights, order and split anew, then "
    "the processor seconds of a whole run. The best mean of a column is bold. They compare "
    "settings on these sets at these lengths, and nothing more."
)
HOW = {
    "optimisers": "Every optimiser of the catalogue, each at the learning rate that the validation "
    "split of the first seed prefers, with the same number of passes. L-BFGS and truncated Newton "
    "take the whole set a step and look at it more than once in each; L-BFGS was stopped on "
    "fashion-mnist, where a run takes minutes.",
    "regularisers": "A network larger than the examples can fill, trained long at a constant rate "
    "without weight decay, and one measure against overfitting at a time.",
    "augmentations": "LeNet on 2000 pictures of clothes for 16 passes, one augmentation at a time "
    "at its default strength. In so few passes none of them pays: what is seen is changed before "
    "it is learned. Where examples are few and passes many they do, row by row in coverage.md.",
}
OF_A_STACK = (
    "A plain stack of 48 units a layer without normalisation, 8 passes over digits by momentum "
    "with a cosine and a bound of 1 on the gradient's norm. A tenth is chance."
)
LOWER = {"log_loss", "root_mean_squared_error"}
ENSEMBLE = (
    "Squared error of networks that learn the progression of diabetes, the mean over 10 draws of "
    "the training examples: error = bias² + variance / M + (1 − 1 / M) · covariance. Members that "
    "differ by their seeds alone share the luck of their examples, which their mean can't take "
    "away; members with examples of their own do not."
)


def page(results: Path = RESULTS) -> str:
    """The page; a table that was not measured is left out."""
    found = newest(rows(results / "learning.csv"), by=("table", "row", "column"))
    parts = ["# How the parts of learning compare", "", PREFACE]
    for table in dict.fromkeys(row["table"] for row in found):
        how = OF_A_STACK if table.startswith("initialisation") else HOW[table]
        parts += ["", f"## {table.capitalize()}", "", how, ""]
        parts += pivot([row for row in found if row["table"] == table])
    errors = newest(rows(results / "ensemble_error.csv"), by=("differ_by", "members"))
    if errors:
        parts += ["", "## The error of an ensemble", "", ENSEMBLE, "", *of_ensembles(errors)]
    parts += ["", *surroundings([*found, *errors])]
    return "\n".join([*parts, ""])


def pivot(found: list[Row]) -> list[str]:
    """A line a row, a column a set or an activation."""
    columns = list(dict.fromkeys(row["column"] for row in found))
    of = {(row["row"], row["column"]): row for row in found}
    best = {
        column: best_of([row for row in found if row["column"] == column]) for column in columns
    }
    heads = [heading(next(row for row in found if row["column"] == name)) for name in columns]
    lines = [cells("", *heads), "|" + "---|" * (len(columns) + 1)]
    for name in dict.fromkeys(row["row"] for row in found):
        shown = (cell(of.get((name, column)), best=best[column]) for column in columns)
        lines.append(cells(name, *shown))
    return lines


def heading(row: Row) -> str:
    """What a column holds."""
    measure = (
        f"{row['metric'].replace('_', ' ')}{', less is better' if row['metric'] in LOWER else ''}"
    )
    return f"{row['column']} ({measure})"


def best_of(found: list[Row]) -> str:
    """The best mean among those of which no run broke down; empty where there is none."""
    whole = [row["mean"] for row in found if row["diverged"] == "0" and row["mean"] != "nan"]
    if len(set(whole)) < 2:  # all alike: none is best
        return ""
    choose = min if found[0]["metric"] in LOWER else max
    return choose(whole, key=float)


def cell(row: Row | None, *, best: str) -> str:
    """Mean, spread and time."""
    if row is None:
        return "–"
    if row["mean"] == "nan":
        return "broke down"
    mean = f"**{row['mean']}**" if row["mean"] == best and row["diverged"] == "0" else row["mean"]
    lost = "" if row["diverged"] == "0" else f", {row['diverged']} of {row['seeds']} broke down"
    return f"{mean} ± {row['sd']}{lost}; {float(row['cpu_seconds']):.1f} s"


def of_ensembles(found: list[Row]) -> list[str]:
    """The split by how the members differ and how many they are."""
    names = ("differ_by", "members", "error", "squared_bias", "variance", "covariance", "sum")
    heads = (
        "members differ by",
        "M",
        "error",
        "bias²",
        "variance",
        "covariance",
        "sum of the parts",
    )
    lines = [cells(*heads), "|" + "---|" * len(heads)]
    return lines + [cells(*(row[name] for name in names)) for row in found]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
