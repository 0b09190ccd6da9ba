"""How do the parts of learning compare, on real data, each over five seeds?

Every optimiser; every initialisation by activation and depth; every regulariser; every
augmentation. A seed draws weights, order and the split anew. Where a learning rate has to be
chosen, it is chosen by the validation split of the first seed. Time is the processor's for a whole
run, reading and judging included, the report not.

    python benchmarks/learning.py                         # all, about an hour of one core
    python benchmarks/learning.py optimisers              # one table
    python benchmarks/learning.py initialisation --part 0 2    # every second setting
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import tempfile
import time
from collections.abc import Sequence

import torch
from rich.console import Console

from _learning_grids import DATA, GRIDS, Setting
from _parts import part_of
from _rows import surroundings, write_rows
from netwright._errors import NonFinite
from netwright.runs.recipe import Recipe
from netwright.workflow.fit import run_recipe
from netwright.workflow.run import Run

SEEDS = 5


def without_a_page(run: Run) -> str:
    """In place of the report, which a comparison does not read."""
    return run.folder.name


class Outcome:
    """Figures of one finished run, read before its folder goes."""

    def __init__(self, setting: Setting, *, seed: int, more: Sequence[str] = ()) -> None:
        data = DATA[setting.data]
        given = None if data.of is None else part_of(setting.data, count=data.of, seed=seed)
        name = setting.data if given is None else "given"
        recipe = Recipe.parse({"data": {"name": name}, "seed": seed, "doctor": False})
        changes = [*data.common, *setting.changes, *more]
        if given is None:
            changes.append(f"split.seed={seed}")
        else:
            changes = [change for change in changes if not change.startswith("split.")]
        self.test = self.val = math.nan
        began = time.process_time()
        with tempfile.TemporaryDirectory() as root:
            try:
                quiet = Console(file=io.StringIO())
                run = run_recipe(recipe.changed(changes), data=given, root=root, console=quiet)
                self.val, self.test = (judged(run, s, data.metric) for s in ("val", "test"))
            except NonFinite:
                pass
            self.seconds = time.process_time() - began


def judged(run: Run, split: str, metric: str) -> float:
    """One figure of one split."""
    found = run.folder.read_json(f"evaluation/{split}.json")["metrics"]
    return float(found[metric]["value"]) if metric in found else math.nan  # nothing finite to judge


def chosen_rate(setting: Setting) -> tuple[str, ...]:
    """The learning rate that the validation split of the first seed prefers."""
    if not setting.rates:
        return ()
    lower = DATA[setting.data].lower

    def cost(rate: float) -> float:
        figure = Outcome(setting, seed=0, more=(f"optimizer.learning_rate={rate}",)).val
        return math.inf if math.isnan(figure) else figure if lower else -figure

    return (f"optimizer.learning_rate={min(setting.rates, key=cost)}",)


def measured(setting: Setting) -> dict[str, object]:
    """The row of a setting."""
    rate = chosen_rate(setting)
    found = [Outcome(setting, seed=seed, more=rate) for seed in range(SEEDS)]
    figures = [one.test for one in found if not math.isnan(one.test)]
    spread = statistics.stdev(figures) if len(figures) > 1 else math.nan
    return {
        "table": setting.table,
        "row": setting.row,
        "column": setting.column,
        "data": setting.data,
        "metric": DATA[setting.data].metric,
        "mean": f"{statistics.mean(figures):.4g}" if figures else "nan",
        "sd": f"{spread:.2g}",
        "seeds": SEEDS,
        "diverged": SEEDS - len(figures),
        "rate": rate[0].partition("=")[2] if rate else "",
        "cpu_seconds": f"{statistics.mean(one.seconds for one in found):.2f}",
        **surroundings("torch", "netwright", "torchvision", "scikit-learn"),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("table", nargs="?", choices=GRIDS)
    parser.add_argument("--part", nargs=2, type=int, default=(0, 1), metavar=("WHICH", "OF"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    Run.report = without_a_page  # type: ignore[method-assign]
    which, of = asked.part
    for table in [asked.table] if asked.table else GRIDS:
        for setting in list(GRIDS[table]())[which::of]:
            row = measured(setting)
            print(" | ".join(str(row[name]) for name in list(row)[:11]), flush=True)
            write_rows("learning", [row])


if __name__ == "__main__":
    main()
