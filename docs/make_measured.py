"""Fills the README's measured section from benchmarks/results.

python docs/make_measured.py
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
START = "<!-- measured: made from benchmarks/results by docs/make_measured.py -->"
END = "<!-- measured: end -->"
NOT_MEASURED = "cifar10 to 94 % on a GPU: not measured."

Row = dict[str, str]
Table = tuple[str, str, list[Row], Callable[[Row], str]]


def section(results: Path = RESULTS) -> str:
    """What stands between the markers; what was not measured is left out."""
    recipes = newest(rows(results / "default_recipes.csv"), by="data")
    imports = newest(rows(results / "import_time.csv"), by="figure")
    parts = []
    if recipes:
        parts += [
            "| `netwright train` | test accuracy | time of the process | n |",
            "|---|---|---|---|",
        ]
        parts += [recipe_line(row) for row in recipes]
    if imports:
        parts += ["", "| figure | median | 95 % interval | n |", "|---|---|---|---|"]
        parts += [import_line(row) for row in imports]
    shown = [*recipes, *imports]
    for title, header, found, line in peer_tables(results):
        if found:
            parts += ["", title, "", header, "|" + "---|" * (header.count("|") - 1)]
            parts += [line(row) for row in found]
            shown += found
    if shown:
        parts += ["", NOT_MEASURED]
    parts += ["", *surroundings(shown)]
    return "\n".join(parts).strip()


def peer_tables(results: Path) -> list[Table]:
    """Against other trainers: what is asked, the columns, the rows, and how one is written."""
    loops = newest(rows(results / "loop_overhead.csv"), by="loop")
    steps = newest(rows(results / "small_cnn_step.csv"), by=("step", "batch_size", "loop"))
    times = newest(rows(results / "time_to_accuracy.csv"), by=("data", "trainer"))
    formats = newest(rows(results / "processor_precision.csv"), by="setting")
    return [
        (
            "Processor time of a step above a loop written by hand: MLP 64-128-10, batch 64, one "
            "thread, fused SGD for all.",
            "| loop | µs a step | above by hand | 95 % interval | n |",
            loops,
            lambda row: cells(
                row["loop"], row["step_us"], row["above_hand_us"], interval(row), row["n"]
            ),
        ),
        (
            "Processor time of a whole step of small-resnet on 3×32×32 pictures, one thread, fused "
            "AdamW for all.",
            "| step | batch | loop | ms | ratio | 95 % interval | n |",
            steps,
            lambda row: cells(
                *(row[name] for name in ("step", "batch_size", "loop", "step_ms", "ratio")),
                interval(row),
                row["n"],
            ),
        ),
        (
            "Shortest run that reaches an accuracy on the test split, same network and batch size, "
            "all on one ladder of epochs: seconds of the whole process, one thread.",
            "| data | goal | trainer | epochs | accuracy | processor | clock | runs | n |",
            times,
            lambda row: cells(
                *(row[name] for name in ("data", "goal", "trainer", "epochs", "accuracy_mean")),
                f"{row['cpu_mean']} s",
                f"{row['wall_mean']} s",
                *(row[name] for name in ("runs", "n")),
            ),
        ),
        (
            "Learning in bf16 on a processor, where it is not the default: test accuracy, "
            "difference within a seed.",
            "| setting | fp32 | bf16 | difference | 95 % interval | seeds | n |",
            formats,
            lambda row: cells(
                *(row[name] for name in ("setting", "accuracy_fp32", "accuracy_bf16")),
                row["accuracy_difference"],
                f"{row['accuracy_low']} to {row['accuracy_high']}",
                *(row[name] for name in ("seeds", "n")),
            ),
        ),
    ]


def cells(*texts: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(texts)} |"


def interval(row: Row) -> str:
    """From low to high."""
    return f"{row['low']}–{row['high']}"


def rows(path: Path) -> list[Row]:
    """The rows of one file; none where it was not measured."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def newest(found: list[Row], *, by: str | tuple[str, ...]) -> list[Row]:
    """The last row of each kind: a file keeps what was measured before."""
    names = (by,) if isinstance(by, str) else by
    return list({tuple(row[name] for name in names): row for row in found}.values())


def recipe_line(row: Row) -> str:
    """The default recipe on one set."""
    runs = f"{row['runs']} seeds" if row["runs"] != "1" else "1 seed"
    cells = [
        f"`{row['data']}`",
        f"{with_range(row, 'accuracy')}, {runs}",
        in_time(row),
        f"{row['n']} test examples",
    ]
    return f"| {' | '.join(cells)} |"


def with_range(row: Row, figure: str) -> str:
    """The mean, with the least and the most where there are several."""
    mean = row[f"{figure}_mean"]
    return (
        mean if row["runs"] == "1" else f"{mean} ({row[f'{figure}_low']}–{row[f'{figure}_high']})"
    )


def in_time(row: Row) -> str:
    """Seconds, or minutes where there are many."""
    seconds = float(row["seconds_mean"])
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{with_range(row, 'seconds')} s"


def import_line(row: Row) -> str:
    """One figure of the wait before anything is done."""
    unit = "×" if row["unit"] == "ratio" else f" {row['unit']}"
    median, low, high = (f"{float(row[name]):.2f}" for name in ("median", "low", "high"))
    return f"| {row['figure']} | {median}{unit} | {low}–{high} | {row['n']} |"


def surroundings(measured: list[Row]) -> list[str]:
    """Machines and versions, each said once."""
    said = {
        f"{row['processor']}, {row['cores']} cores; Python {row['python']}, torch {row['torch']}, "
        f"netwright {row['netwright']}; {row['date']}."
        for row in measured
    }
    return [f"Measured on {line}" for line in sorted(said)]


def filled(readme: str, content: str) -> str:
    """The README with that section."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"README.md has no {START} … {END}")
    middle = f"{content}\n\n" if content else ""
    return f"{before}{START}\n\n{middle}{END}{after}"


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8"), section()), encoding="utf-8")
