"""Does each technique beat what its trivial rival reaches, on real data?

Every technique of `_techniques.py` is run with a few seeds, which draw weights, order and the split
anew, and judged on the test split; so is its rival on the same splits. It passes when it is better
with every seed, or, of more than three, by over two standard errors of the gain.

    python benchmarks/techniques.py              # all, a quarter of an hour on one core
    python benchmarks/techniques.py momentum     # those whose row holds the word; written too
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from sklearn import metrics as reference

from _real_tables import TABLES, table_file
from _rows import surroundings, write_rows
from _techniques import TECHNIQUES, Technique
from netwright._errors import NonFinite
from netwright.data.depot import get
from netwright.data.open import open_data
from netwright.runs.recipe import Recipe
from netwright.workflow.fit import run_recipe
from netwright.workflow.prepare import divide_data
from netwright.workflow.run import Run

CACHE = Path("~/.cache/netwright-benchmarks").expanduser()
LOWER = {"log_loss", "poisson_deviance", "root_mean_squared_error", "mean_absolute_error"}
LOWER |= {"pinball", "gaussian_nll"}
LEVELS = (0.1, 0.5, 0.9)


@dataclass
class Runs:
    """Runs by recipe, so that a rival of several techniques is run once."""

    root: Path
    known: dict[str, Run | None] = field(default_factory=dict)

    def of(self, technique: Technique, *, more: Sequence[str], seed: int) -> Run | None:
        """A finished run; None where it broke down on numbers that are not finite."""
        recipe = recipe_of(technique, more=more, seed=seed)
        key = recipe.to_yaml()
        if key not in self.known:
            try:
                quiet = Console(file=io.StringIO())
                self.known[key] = run_recipe(recipe, root=self.root, console=quiet)
            except NonFinite:
                self.known[key] = None
        return self.known[key]


def recipe_of(technique: Technique, *, more: Sequence[str], seed: int) -> Recipe:
    """The recipe of one run."""
    content = {"data": {"name": place_of(technique.data)}, "seed": seed, "split": {"seed": seed}}
    return Recipe.parse(content | {"doctor": False}).changed([*technique.setting, *more])


def place_of(data: str) -> str:
    """Name or path that a recipe takes."""
    if data in TABLES:
        return str(table_file(data, CACHE))
    fetched, _, folder = data.partition("/")
    return str(get(fetched) / folder) if folder else data


def constant(run: Run, *, metric: str) -> float:
    """What the best answer that does not look at the inputs reaches on the run's test split."""
    part = run.recipe.data
    data = open_data(part.name, target=part.target, kind=part.kind, image_size=part.image_size)
    if data.target.values is None:
        raise SystemExit(f"{part.name} has no targets")
    splits = divide_data(data, run.recipe)
    values = data.target.values.numpy()
    return float(CONSTANTS[metric](values[splits["train"]], values[splits["test"]]))


def _mode(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return np.full(len(test), np.bincount(train).argmax())


def _pinball(train: np.ndarray, test: np.ndarray) -> float:
    losses = [
        reference.mean_pinball_loss(
            test, np.full(len(test), np.quantile(train, level)), alpha=level
        )
        for level in LEVELS
    ]
    return float(np.mean(losses))


CONSTANTS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda train, test: np.mean(_mode(train, test) == test),
    "quadratic_kappa": lambda train, test: reference.cohen_kappa_score(
        test, _mode(train, test), weights="quadratic", labels=np.unique(train)
    ),
    "micro_f1": lambda train, test: reference.f1_score(
        test, np.tile(train.mean(0) > 0.5, (len(test), 1)), average="micro", zero_division=0
    ),
    "average_precision": lambda train, test: reference.average_precision_score(
        test, np.tile(train.mean(0), (len(test), 1)), average="macro"
    ),
    "poisson_deviance": lambda train, test: reference.mean_poisson_deviance(
        test, np.full(len(test), train.mean())
    ),
    "root_mean_squared_error": lambda train, test: np.sqrt(np.mean((test - train.mean()) ** 2)),
    "mean_absolute_error": lambda train, test: np.mean(np.abs(test - np.median(train))),
    "pinball": _pinball,
}


def measured(technique: Technique, runs: Runs) -> dict[str, object]:
    """One row of figures."""
    start, ours, rivals = time.process_time(), [], []
    for seed in range(technique.seeds):
        run = best_of(technique, (), runs, seed=seed)
        if run is None:
            raise SystemExit(f"{technique.row} broke down with seed {seed}")
        ours.append(run.metrics[technique.metric])
        rivals.append(rival_of(technique, run, runs, seed=seed))
    lower = technique.metric in LOWER
    return {
        "row": technique.row,
        "data": technique.data,
        "metric": technique.metric,
        "better": "lower" if lower else "higher",
        **_spread("", ours),
        "rival": technique.rival,
        **_spread("rival_", rivals),
        "seeds": technique.seeds,
        "n": len(run.folder.read_tensors("evaluation/test.safetensors")["index"]),
        **verdict(gains(ours, rivals, lower=lower)),
        "cpu_seconds": f"{time.process_time() - start:.1f}",
        "setting": " ".join(technique.setting),
    }


def best_of(technique: Technique, more: Sequence[str], runs: Runs, *, seed: int) -> Run | None:
    """The run, at the learning rate that its validation split prefers where there is a choice."""
    if not technique.rates:
        return runs.of(technique, more=more, seed=seed)
    tried = [
        runs.of(technique, more=(*more, f"optimizer.learning_rate={rate}"), seed=seed)
        for rate in technique.rates
    ]
    sign = -1 if technique.metric in LOWER else 1
    return max(
        (run for run in tried if run is not None),
        key=lambda run: sign * validated(run, technique.metric),
        default=None,
    )


def validated(run: Run, metric: str) -> float:
    """A figure of the validation split."""
    return run.folder.read_json("evaluation/val.json")["metrics"][metric]["value"]


def gains(ours: Sequence[float], rivals: Sequence[float], *, lower: bool) -> list[float]:
    """By how much the technique is better, seed by seed; without end where the rival broke down."""
    sign = -1 if lower else 1
    return [
        math.inf if math.isnan(rival) else sign * (one - rival)
        for one, rival in zip(ours, rivals, strict=True)
    ]


def verdict(gained: Sequence[float]) -> dict[str, object]:
    """With how many seeds it is better, and whether it passes."""
    wins = sum(gain > 0 for gain in gained)
    passes = wins == len(gained)
    if not passes and len(gained) > 3 and max(gained) < math.inf:
        error = statistics.stdev(gained) / math.sqrt(len(gained))
        passes = statistics.mean(gained) > 2 * error
    return {"wins": wins, "passes": "yes" if passes else "no"}


def rival_of(technique: Technique, run: Run, runs: Runs, *, seed: int) -> float:
    """The rival's figure; NaN where it broke down."""
    if technique.without is None:
        return constant(run, metric=technique.metric)
    other = best_of(technique, technique.without, runs, seed=seed)
    return float("nan") if other is None else other.metrics[technique.metric]


def _spread(prefix: str, values: Sequence[float]) -> dict[str, str]:
    figures = {"mean": statistics.mean(values), "low": min(values), "high": max(values)}
    return {f"{prefix}{name}": f"{value:.4g}" for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("word", nargs="?", default="")
    word = parser.parse_args().word
    torch.set_num_threads(1)
    around = surroundings("torch", "netwright", "torchvision", "timm", "scikit-learn")
    rows = []
    with tempfile.TemporaryDirectory() as root:
        runs = Runs(Path(root))
        for technique in TECHNIQUES:
            if word in technique.row:
                row = measured(technique, runs)
                rows.append({**row, **around})
                print(*(f"{row[name]}" for name in row if name != "setting"), sep=" | ", flush=True)
    print(write_rows("techniques", rows))


if __name__ == "__main__":
    main()
