"""What does it cost to keep a snapshot every 100 steps?

The same steps of a ResNet-18 (3×32×32 inputs, batches of 32, one thread) with a snapshot every 100
steps and with none, in turns within one process, so that a slow moment of the machine falls on both
alike. Three figures a turn: the wall clock and the processor time of the training's own thread,
each as a ratio, and the seconds for which a snapshot holds the training up. Both sides go through
the same loop; the snapshots are written beside it, so a second core has to be free.

    python benchmarks/snapshots.py                 # 8 turns, about 10 minutes
    python benchmarks/snapshots.py --every 1000    # the default of a run
"""

from __future__ import annotations

import argparse
import inspect
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torchvision
from torch import nn

from _rows import bootstrap, surroundings, write_rows
from netwright.data.dataset import InMemory
from netwright.data.streams.in_memory import InMemorySource
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.train.loop import Loop
from netwright.train.optimizers.build import build_optimizer
from netwright.train.settings import Settings
from netwright.train.snapshot import SnapshotFolder
from netwright.train.snapshot_writer import SnapshotWriter

BATCH = 32
OPTIMIZERS = {
    "adam": {"learning_rate": 1e-3},
    "sgd": {"learning_rate": 0.01, "momentum": 0.9},
}


class Clocked(Loop):
    """A loop that knows how long its steps took."""

    wall = cpu = 0.0

    def run_clocked(self) -> None:
        """Train to the end, on the clock."""
        wall, cpu = time.perf_counter(), time.thread_time()
        self.run()
        self.wall, self.cpu = time.perf_counter() - wall, time.thread_time() - cpu


def loop(folder: Path | None, *, optimizer: str, steps: int, every: int) -> Clocked:
    """A run of so many steps; without a folder it keeps nothing."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=10)
    method = Supervised(network, create("classes", names=tuple("0123456789"), targets=None))
    source = InMemorySource(
        InMemory(torch.randn(BATCH * 8, 3, 32, 32)),
        torch.randint(10, (BATCH * 8,)),
        index=torch.arange(BATCH * 8),
        batch_size=BATCH,
        seed=0,
        preprocess=nn.Identity(),
    )
    return Clocked(
        method,
        {"train": source},
        make_optimizer=lambda _, groups: build_optimizer(
            groups, name=optimizer, **OPTIMIZERS[optimizer]
        ),
        settings=Settings(epochs=steps // 8, snapshot_every=0, snapshot_steps=every),
        snapshots=None if folder is None else SnapshotFolder(folder),
    )


def turn(*, optimizer: str, steps: int, every: int, first: bool) -> dict[str, float]:
    """Both sides once; which comes first changes from turn to turn."""
    with tempfile.TemporaryDirectory() as folder:
        held = held_up_by_snapshots()
        sides = {
            "with": loop(Path(folder), optimizer=optimizer, steps=steps, every=every),
            "without": loop(None, optimizer=optimizer, steps=steps, every=every),
        }
        for name in sorted(sides, reverse=first):
            sides[name].run_clocked()
        return {
            "wall": sides["with"].wall / sides["without"].wall,
            "cpu": sides["with"].cpu / sides["without"].cpu,
            "held": statistics.mean(held) if held else 0.0,
            "step": sides["without"].wall / steps,
        }


def held_up_by_snapshots() -> list[float]:
    """Fills with the seconds that each snapshot to come takes of the training."""
    held: list[float] = []
    take = inspect.unwrap(SnapshotWriter.take)

    def timed(self: SnapshotWriter, step: int, state: dict[str, object]) -> None:
        began = time.perf_counter()
        take(self, step, state)
        held.append(time.perf_counter() - began)

    timed.__wrapped__ = take  # type: ignore[attr-defined]
    SnapshotWriter.take = timed  # type: ignore[method-assign]
    return held


def median_of(name: str):
    def figure(turns: Sequence[dict[str, float]]) -> float:
        return statistics.median(one[name] for one in turns)

    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="Only try whether it runs.")
    asked = parser.parse_args()
    if asked.quick:
        asked.turns, asked.steps, asked.every = 2, 16, 8
    torch.set_num_threads(1)
    around = surroundings("torch", "torchvision", "netwright")
    rows = []
    for optimizer in OPTIMIZERS:
        turn(optimizer=optimizer, steps=16, every=8, first=True)  # once unmeasured
        turns = [
            turn(optimizer=optimizer, steps=asked.steps, every=asked.every, first=bool(n % 2))
            for n in range(asked.turns)
        ]
        for name, unit in (("wall", "ratio"), ("cpu", "ratio"), ("held", "s"), ("step", "s")):
            median, low, high = bootstrap(median_of(name), turns)
            rows.append(
                {
                    "figure": f"{optimizer}, snapshot every {asked.every} steps: {name}",
                    "median": f"{median:.4f}",
                    "low": f"{low:.4f}",
                    "high": f"{high:.4f}",
                    "unit": unit,
                    "n": asked.turns,
                    "steps": asked.steps,
                    **around,
                }
            )
            print(f"{rows[-1]['figure']}: {median:.4f} {unit} [{low:.4f}, {high:.4f}]")
    if not asked.quick:
        print(write_rows("snapshots", rows))


if __name__ == "__main__":
    main()
