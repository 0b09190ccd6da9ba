"""From how many pictures on is a vision transformer as good as a convolutional network?

small-resnet and a ViT of as many parameters (patches of 7x7, width 96, depth 4, 4 heads) learn
fashion-mnist from 500, 3,000 and 10,000 pictures, both for the same epochs by the default recipe,
its augmentation too. Each takes, at each size, the learning rate that the validation pictures (a
quarter as many) prefer with the first seed. A seed draws the pictures, the weights and the order
anew; all are judged by 2,000 test pictures. A step of either takes about as long.

    python benchmarks/cnn_against_vit.py             # a quarter of an hour of one core
    python benchmarks/cnn_against_vit.py 3000        # one size
    python benchmarks/cnn_against_vit.py --quick     # does everything run? writes nothing
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from rich.console import Console

from _parts import HELD_OUT, part_of
from _rows import surroundings, write_rows
from netwright.models import create
from netwright.runs.recipe import Recipe
from netwright.workflow.fit import run_recipe
from netwright.workflow.run import Run

DATA = "fashion-mnist"
NETWORKS = {
    "small-resnet": {},
    "vit": {"patch": 7, "width": 96, "depth": 4, "heads": 4, "mlp_width": 192},
}
EPOCHS = {500: 40, 3000: 15, 10000: 5}
RATES = (0.0007, 0.002, 0.006)
SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Figures of one finished run."""

    val: float
    test: float
    seconds: float


def without_a_page(run: Run) -> str:
    """In place of the report, which a comparison does not read."""
    return run.folder.name


def outcome(network: str, *, count: int, epochs: int, rate: float, seed: int) -> Outcome:
    recipe = Recipe.parse(
        {
            "data": {"name": "given"},
            "model": {"name": network, **NETWORKS[network]},
            "optimizer": {"name": "adamw", "learning_rate": rate},
            "training": {"epochs": epochs, "batch_size": 64, "snapshot_every": 0},
            "seed": seed,
            "doctor": False,
        }
    )
    data, quiet = part_of(DATA, count=count, seed=seed), Console(file=io.StringIO())
    began = time.process_time()
    with tempfile.TemporaryDirectory() as root:
        run = run_recipe(recipe, data=data, root=root, console=quiet)
        val, test = (
            float(run.folder.read_json(f"evaluation/{split}.json")["metrics"]["accuracy"]["value"])
            for split in ("val", "test")
        )
    return Outcome(val=val, test=test, seconds=time.process_time() - began)


def row_of(network: str, *, count: int, epochs: int, seeds: int) -> dict[str, object]:
    tried = {
        rate: outcome(network, count=count, epochs=epochs, rate=rate, seed=0) for rate in RATES
    }
    rate = max(tried, key=lambda one: tried[one].val)
    more = [
        outcome(network, count=count, epochs=epochs, rate=rate, seed=seed)
        for seed in range(1, seeds)
    ]
    found = [tried[rate], *more]
    accuracies = [one.test for one in found]
    built = create(network, num_classes=10, in_channels=1, image_size=28, **NETWORKS[network])
    return {
        "data": DATA,
        "pictures": count,
        "network": network,
        "parameters": sum(parameter.numel() for parameter in built.parameters()),
        "epochs": epochs,
        "rate": rate,
        "rates_tried": " ".join(f"{one}:{tried[one].val:.4g}" for one in tried),
        "mean": f"{statistics.mean(accuracies):.4g}",
        "low": f"{min(accuracies):.4g}",
        "high": f"{max(accuracies):.4g}",
        "seeds": seeds,
        "n": HELD_OUT,
        "cpu_seconds": f"{statistics.mean(one.seconds for one in found):.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pictures", nargs="?", type=int, choices=EPOCHS)
    parser.add_argument("--quick", action="store_true", help="60 pictures, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    Run.report = without_a_page  # type: ignore[method-assign]
    sizes: Mapping[int, int] = {60: 1} if asked.quick else EPOCHS
    if asked.pictures:
        sizes = {asked.pictures: EPOCHS[asked.pictures]}
    around = surroundings("torch", "netwright")
    for count, epochs in sizes.items():
        for network in NETWORKS:
            row = row_of(network, count=count, epochs=epochs, seeds=2 if asked.quick else SEEDS)
            print(*row.values(), sep=" | ", flush=True)
            if not asked.quick:
                write_rows("cnn_against_vit", [{**row, **around}])


if __name__ == "__main__":
    main()
