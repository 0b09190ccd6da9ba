"""Are several tasks better learned together, and by which weighting?

Two sets. elpv: solar cells at 48 pixels; is the cell defective, of which make is it, and how sure
were the experts of a defect (a number). overlaid: two MNIST digits laid over each other, one to the
upper left, one to the lower right; which is which? 2,000 pictures are learned from. LeNet, AdamW,
the same epochs for all; every split is drawn anew with the seed, and the same for all.

Each weighting against a network a task (as many networks, so as many times the cost), and against
equal weights. The figure of a task is accuracy, or R² for the number; `explained` is the mean over
the tasks of the share of the constant answer's loss that is gone.

    python benchmarks/multi_task.py            # 5 seeds, 10 minutes on one core; written
    python benchmarks/multi_task.py --cost     # a step of each weighting, in equal weights' steps
    python benchmarks/multi_task.py --quick    # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import argparse
import csv
import io
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright.data.batch import Batch
from netwright.data.depot import get
from netwright.data.open import open_data
from netwright.methods.base import Stage, Task
from netwright.methods.multi_task.multi_task import MultiTask
from netwright.train.precision import choose_precision
from netwright.train.update import Updater

WEIGHTINGS = ("fixed", "uncertainty", "pcgrad")
SEEDS = 5
TURNS = 40
Splits = dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]


def elpv(seed: int, *, quick: bool) -> Splits:
    """Solar cells by defect, make and degree."""
    folder = Path(get("elpv"))
    data = open_data("elpv", image_size=48)
    with (folder / "labels.csv").open() as file:
        degree = {row["file"]: float(row["defect_probability"]) for row in csv.DictReader(file)}
    x = data.samples.take(torch.arange(len(data))).numpy()
    y = {
        "defect": data.target.values.numpy(),
        "make": data.domains.numpy(),
        "degree": np.array([degree[label] for label in data.labels]),
    }
    order = np.random.default_rng(seed).permutation(len(x))[: 300 if quick else None]
    cuts = np.split(order, [int(0.6 * len(order)), int(0.75 * len(order))])
    return {
        name: (x[rows], {task: values[rows] for task, values in y.items()})
        for name, rows in zip(("train", "val", "test"), cuts, strict=True)
    }


def overlaid(seed: int, *, quick: bool) -> Splits:
    """Two digits of MNIST in one picture, the brighter pixel of both."""
    data = open_data("mnist")
    found: Splits = {}
    sizes = {"train": 2000, "val": 500, "test": 2000}
    draw = np.random.default_rng(seed)
    for name, size in sizes.items():
        among = data.splits["test" if name == "test" else "train"].numpy()
        rows = draw.choice(among, (2, 200 if quick else size), replace=False)
        one, two = (data.samples.take(torch.from_numpy(row)).numpy()[:, 0] for row in rows)
        canvas = np.zeros((rows.shape[1], 36, 36), dtype=np.uint8)
        canvas[:, :28, :28] = one
        canvas[:, 8:, 8:] = np.maximum(canvas[:, 8:, 8:], two)
        left, right = (data.target.values[torch.from_numpy(row)].numpy() for row in rows)
        found[name] = canvas, {"left": left, "right": right}
    return found


SETS = {"elpv": elpv, "overlaid": overlaid}
EPOCHS = {"elpv": 15, "overlaid": 15}


def figures(data: Splits, changes: list[str], *, epochs: int, seed: int) -> dict[str, float]:
    """What a run reaches on the test split, and the processor time it took."""
    with tempfile.TemporaryDirectory() as root:
        begun = time.process_time()
        run = nw.fit(
            data,
            method="multi-task",
            model="lenet",
            epochs=epochs,
            batch_size=32,
            seed=seed,
            root=root,
            doctor=False,
            changes=["training.snapshot_every=0", "augment=[]", "explain=false", *changes],
            console=Console(file=io.StringIO()),
        )
        seconds = time.process_time() - begun
        metrics = run.metrics
    told = {"explained": metrics["explained"], "seconds": seconds}
    for task in data["test"][1]:
        for name in ("accuracy", "r2"):
            if f"{task}/{name}" in metrics:
                told[task] = metrics[f"{task}/{name}"]
    return told


def alone(data: Splits, task: str) -> Splits:
    return {split: (x, {task: y[task]}) for split, (x, y) in data.items()}


def of_seed(name: str, seed: int, *, quick: bool) -> Iterator[dict[str, Any]]:
    """A row a way to learn."""
    data = SETS[name](seed, quick=quick)
    epochs = 1 if quick else EPOCHS[name]
    singles = {
        task: figures(alone(data, task), [], epochs=epochs, seed=seed) for task in data["test"][1]
    }
    together = {task: one[task] for task, one in singles.items()}
    for figure, joined in (("explained", statistics.mean), ("seconds", sum)):
        together[figure] = joined(one[figure] for one in singles.values())
    yield from _rows(name, "a network a task", seed, together)
    for weighting in WEIGHTINGS:
        changes = [f"method.weighting={weighting}"]
        found = figures(data, changes, epochs=epochs, seed=seed)
        yield from _rows(name, weighting, seed, found)


def _rows(name: str, way: str, seed: int, found: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    for figure, value in found.items():
        yield {"set": name, "way": way, "seed": seed, "figure": figure, "value": f"{value:.5g}"}


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Means, and gains over the two rivals with two standard errors, over the seeds."""
    value = {
        (row["set"], row["way"], row["figure"], int(row["seed"])): float(row["value"])
        for row in rows
    }
    ways = list(dict.fromkeys(row["way"] for row in rows))
    for name, figure in dict.fromkeys((row["set"], row["figure"]) for row in rows):
        seeds = sorted({key[3] for key in value if key[0] == name})
        for way in ways:
            own = [value[name, way, figure, seed] for seed in seeds]
            told = [f"{name:9} {figure:10} {way:17} {statistics.mean(own):8.4f}"]
            for rival in ("a network a task", "fixed"):
                gains = [v - value[name, rival, figure, s] for v, s in zip(own, seeds, strict=True)]
                if way != rival and len(gains) > 1:
                    error = 2 * statistics.stdev(gains) / math.sqrt(len(gains))
                    told.append(f"{statistics.mean(gains):+.4f} ± {error:.4f} over {rival}")
            yield "   ".join(told)


def cost(*, quick: bool) -> list[dict[str, Any]]:
    """A step of each weighting as a multiple of one with equal weights, taking turns."""
    from netwright.models.catalogue import create

    rows = []
    for tasks in (2, 4):
        parts = {f"task {n}": Task(kind="classes", names=tuple("abcde")) for n in range(tasks)}
        batch = Batch(
            torch.randn(64, 1, 28, 28),
            torch.randint(5, (64, tasks)).float(),
            torch.arange(64),
        )
        steps = {}
        for weighting in WEIGHTINGS:
            torch.manual_seed(0)
            method = MultiTask.for_task(
                Task(kind="several", names=tuple(parts), targets=batch.targets, parts=parts),
                build_model=lambda width: create(
                    "lenet", num_classes=width, in_channels=1, image_size=(28, 28)
                ),
                weighting=weighting,
            )
            (phase,) = method.phases(Stage())
            optimizer = torch.optim.AdamW(method.parameters(), lr=1e-3)
            precision = choose_precision("fp32", torch.device("cpu"))
            updater = Updater(method, {"main": optimizer}, precision=precision)
            steps[weighting] = partial(updater.run, phase, batch)
        for step in steps.values():
            for _ in range(3):
                step()
        times: list[dict[str, float]] = []
        for _ in range(3 if quick else TURNS):
            turn = {}
            for weighting, step in steps.items():
                begun = time.thread_time()
                for _ in range(5):
                    step()
                turn[weighting] = time.thread_time() - begun
            times.append(turn)
        for weighting in WEIGHTINGS[1:]:
            ratio, low, high = bootstrap(
                lambda some, of=weighting: statistics.median(t[of] / t["fixed"] for t in some),
                times,
            )
            told = f"{ratio:.2f} [{low:.2f}, {high:.2f}]"
            print(f"{tasks} tasks: a step of {weighting} is {told} of one with fixed weights")
            rows.append(
                {"tasks": tasks, "weighting": weighting, "ratio": ratio, "low": low, "high": high}
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    about = surroundings("torch", "netwright")
    if asked.cost:
        rows = cost(quick=asked.quick)
        if not asked.quick:
            write_rows("multi_task_step", [row | about for row in rows])
        return
    found: list[dict[str, Any]] = []
    for seed in range(1 if asked.quick else asked.seeds):
        for name in SETS:
            mine = list(of_seed(name, seed, quick=asked.quick))
            found += mine
            print(
                *(f"{row['way']} {row['figure']} {row['value']}" for row in mine),
                sep="; ",
                flush=True,
            )
            if not asked.quick:
                write_rows("multi_task", [row | about for row in mine])
    print(*summary(found), sep="\n")


if __name__ == "__main__":
    main()
