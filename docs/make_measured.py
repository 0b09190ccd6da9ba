"""Fills the README's measured section and docs/measured.md from benchmarks/results.

python docs/make_measured.py
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
START = "<!-- measured: made from benchmarks/results by docs/make_measured.py -->"
END = "<!-- measured: end -->"
NOT_MEASURED = "cifar10 to 94 % on a GPU: not measured."

BEYOND = "[Everything else that was measured](docs/measured.md), other trainers beside ours."
PREFACE = (
    "Made from `benchmarks/results` by `docs/make_measured.py`. How each figure was taken is said "
    "at the top of the file of its name in `benchmarks/`."
)
PAGE = ROOT / "docs" / "measured.md"

Row = dict[str, str]


def section(results: Path = RESULTS) -> str:
    """What stands between the README's markers; what was not measured is left out."""
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
    if any(table.lines(results) for table in TABLES):
        parts += ["", BEYOND]
    parts += ["", *surroundings([*recipes, *imports])]
    return "\n".join(parts).strip()


def page(results: Path = RESULTS) -> str:
    """docs/measured.md: every other question, with other trainers beside ours."""
    parts = ["# Measured", "", PREFACE]
    for table in TABLES:
        lines = table.lines(results)
        if lines:
            header = cells(*table.columns)
            parts += ["", f"## {table.question}", "", table.how, "", header]
            parts += ["|" + "---|" * len(table.columns), *lines, "", *table.surroundings(results)]
    return "\n".join([*parts, "", NOT_MEASURED, ""])


class Table(NamedTuple):
    """A question, and how the rows of its file are shown.

    Attributes:
        question: the heading.
        how: what was done.
        file: in benchmarks/results, without its ending.
        by: columns of which the newest row of each combination counts.
        columns: heading → format of a row's fields.
    """

    question: str
    how: str
    file: str
    by: tuple[str, ...]
    columns: Mapping[str, str]

    def rows(self, results: Path) -> list[Row]:
        """The newest of each kind."""
        return newest(rows(results / f"{self.file}.csv"), by=self.by)

    def lines(self, results: Path) -> list[str]:
        """Of the table."""
        return [
            cells(*(form.format_map(row) for form in self.columns.values()))
            for row in self.rows(results)
        ]

    def surroundings(self, results: Path) -> list[str]:
        """Machine and versions."""
        return surroundings(self.rows(results))


SPREAD = {"95 % interval": "{low}–{high}", "n": "{n}"}
TABLES = (
    Table(
        question="What does a step cost beside the arithmetic?",
        how="Processor time of a step above that of a loop written by hand: MLP 64-128-10, batch "
        "64, one thread, fused SGD for all.",
        file="loop_overhead",
        by=("loop",),
        columns={"loop": "{loop}", "µs a step": "{step_us}", "above by hand": "{above_hand_us}"}
        | SPREAD,
    ),
    Table(
        question="What is gained when a whole step is one compiled graph?",
        how="Processor time of a step over that of a loop written by hand with the same fused "
        "optimiser; MLP 64-128-10, batch 64, one thread.",
        file="whole_step",
        by=("loop",),
        columns={"loop": "{loop}", "µs a step": "{step_us}", "over by hand": "{over_hand}"}
        | SPREAD,
    ),
    Table(
        question="What does a whole step of a small convolutional net cost, as it comes?",
        how="Processor time: small-resnet on 3×32×32 pictures, one thread, fused AdamW for all.",
        file="small_cnn_step",
        by=("step", "batch_size", "loop"),
        columns={
            "step": "{step}", "batch": "{batch_size}", "loop": "{loop}", "ms": "{step_ms}",
            "ratio": "{ratio}",
        } | SPREAD,
    ),
    Table(
        question="What does a step of a network of ours cost beside a public implementation of it?",
        how="Processor time of forward, loss, backward and fused SGD in one plain loop, one "
        "thread, fp32; theirs made the same network where it is another.",
        file="own_nets_step",
        by=("network",),
        columns={
            "network": "{network}", "pixels": "{side}", "batch": "{batch_size}",
            "against": "{against}", "ours, ms": "{ours_ms}", "theirs, ms": "{theirs_ms}",
            "ratio": "{ratio}",
        } | SPREAD,
    ),
    Table(
        question="What do channels last, bf16 and a compiled network gain, family by family?",
        how="Processor time of the plain network in fp32 over that of the variant, one thread; "
        "a small member of each family. The first two steps are told by the clock: they hold the "
        "compiling.",
        file="family_gains",
        by=("family", "kind", "variant"),
        columns={
            "family": "{family}", "kind": "{kind}", "pixels": "{side}", "batch": "{batch_size}",
            "variant": "{variant}", "ms": "{ms}", "gain": "{gain}", "first two, s": "{first_s}",
        } | SPREAD,
    ),
    Table(
        question="What does a step of our own optimisers cost?",
        how="Forward, backward and update of MLP 64-128-10, batch 64, one thread, each beside "
        "torch's fused form of the same arithmetic, or our own step without what is added.",
        file="optimizer_step",
        by=("step",),
        columns={
            "step": "{step}", "µs": "{step_us}", "ratio": "{ratio}", "beside": "{beside}",
        } | SPREAD,
    ),
    Table(
        question="What does a derivative cost, forwards and backwards?",
        how="Processor time over that of one evaluation, and the most memory held on the way, one "
        "thread. Jacobians of an MLP n → 512 → 512 → m for one input; then the loss of an MLP "
        "64-128-10 on 256 examples in its parameters.",
        file="derivatives",
        by=("setting", "what"),
        columns={
            "of": "{setting}", "derivative": "{what}", "µs": "{us}",
            "evaluations": "{evaluations}", "KiB held": "{peak_kib}",
        } | SPREAD,
    ),
    Table(
        question="How much of its receptive field does a unit use?",
        how="ResNet-18, middle unit of each stage, mean gradient over random inputs of 3×224×224: "
        "size within two standard deviations of a Gaussian fitted along each axis; fit is the "
        "share of the profile's variance that it explains.",
        file="effective_field",
        by=("weights", "layer"),
        columns={
            "weights": "{weights}", "layer": "{layer}", "theoretical size": "{theory}",
            "effective size": "{effective}", "σ": "{sigma} ± {sd}", "fit": "{fit}", "n": "{n}",
        },
    ),
    Table(
        question="How long to an accuracy?",
        how="The shortest run that reaches it on the test split, same network and batch size, all "
        "on one ladder of epochs: seconds of the whole process, one thread.",
        file="time_to_accuracy",
        by=("data", "trainer"),
        columns={
            "data": "{data}", "goal": "{goal}", "trainer": "{trainer}", "epochs": "{epochs}",
            "accuracy": "{accuracy_mean}", "processor": "{cpu_mean} s", "clock": "{wall_mean} s",
            "runs": "{runs}", "n": "{n}",
        },
    ),
    Table(
        question="From how many pictures on is a vision transformer as good as a CNN?",
        how="small-resnet and a ViT of as many parameters on parts of fashion-mnist, the same "
        "epochs, default recipe and augmentation for both, each at the best of three learning "
        "rates by validation: test accuracy, processor seconds of a run.",
        file="cnn_against_vit",
        by=("pictures", "network"),
        columns={
            "pictures": "{pictures}", "network": "{network}", "parameters": "{parameters}",
            "epochs": "{epochs}", "rate": "{rate}", "accuracy": "{mean}",
            "lowest–highest": "{low}–{high}", "seeds": "{seeds}", "n": "{n}", "s": "{cpu_seconds}",
        },
    ),
    Table(
        question="What does a batch in memory cost, moved and turned into floats?",
        how="Processor time of a batch of 64; raw: without turning bytes into normalised floats, "
        "as the DataLoader gives them.",
        file="in_memory_batches",
        by=("pictures", "stream"),
        columns={
            "pictures": "{pictures}", "stream": "{stream}", "µs": "{us}", "ratio": "{ratio}",
            "95 % interval": "{ratio_low}–{ratio_high}", "n": "{n}",
        },
    ),
    Table(
        question="What does each augmentation cost, beside torchvision's?",
        how="Processor time for 64 pictures of 3×32×32, each changed in its own way; torchvision's "
        "v2 transforms on the whole batch, changed in one way, and on each picture by itself.",
        file="augmentations",
        by=("pictures", "augmentation", "rival"),
        columns={
            "pictures": "{pictures}", "augmentation": "{augmentation}", "µs": "{us}",
            "beside": "{rival}", "ratio": "{ratio}",
            "95 % interval": "{ratio_low}–{ratio_high}", "n": "{n}",
        },
    ),
    Table(
        question="What does a photograph cost, from its file to the network's input?",
        how="Processor time of an image: JPEG of 500×375 cut at random to 224, flipped, "
        "normalised; one core.",
        file="jpeg_folder",
        by=("pipeline",),
        columns={
            "pipeline": "{pipeline}", "ms": "{ms}", "ratio": "{ratio}",
            "95 % interval": "{ratio_low}–{ratio_high}", "n": "{n}",
        },
    ),
    Table(
        question="What does it cost to keep a snapshot every 100 steps?",
        how="ResNet-18 on 3×32×32 pictures, batch 32, one thread: with snapshots over without; "
        "held is for how long one stops the training.",
        file="snapshots",
        by=("figure",),
        columns={"figure": "{figure}", "median": "{median} {unit}"} | SPREAD,
    ),
    Table(
        question="What are two processes on two cores worth?",
        how="ResNet-18 with a 3×3 stem on 32×32 pictures, the same global batch, gloo: clock of "
        "one process on one core over that of two.",
        file="processes",
        by=("figure",),
        columns={"figure": "{figure}", "median": "{median} {unit}"} | SPREAD,
    ),
    Table(
        question="Does a net learn as well in bf16 on a processor?",
        how="Test accuracy, difference within a seed. It is not the default there: the interval "
        "on cifar10 reaches beyond the half point that was agreed on beforehand.",
        file="processor_precision",
        by=("setting",),
        columns={
            "setting": "{setting}", "fp32": "{accuracy_fp32}", "bf16": "{accuracy_bf16}",
            "difference": "{accuracy_difference}",
            "95 % interval": "{accuracy_low} to {accuracy_high}", "seeds": "{seeds}", "n": "{n}",
        },
    ),
)  # fmt: skip


def cells(*texts: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(texts)} |"


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
        f"{row['processor']}, {_cores(row['cores'])}; Python {row['python']}, "
        f"torch {row['torch']}, netwright {row['netwright']}; {row['date']}."
        for row in measured
    }
    return [f"Measured on {line}" for line in sorted(said)]


def _cores(number: str) -> str:
    return "1 core" if number == "1" else f"{number} cores"


def filled(readme: str, content: str) -> str:
    """The README with that section."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"README.md has no {START} … {END}")
    middle = f"{content}\n\n" if content else ""
    return f"{before}{START}\n\n{middle}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(filled(README.read_text(encoding="utf-8"), section()), encoding="utf-8")
