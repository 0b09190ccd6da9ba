"""What does a step cost when the whole of it is one compiled graph?

Processor time of a step over that of a loop written by hand with the same fused optimiser: MLP
64-128-10, batch 64, 32 bits, one thread. Ours is the whole loop, with record and progress, once
compiled and once not. Compiling is not in the figure but beside it; what a run does at its end is.
The loops take turns; the ratio is that of a turn, the interval that of its median.

    python benchmarks/whole_step.py             # 15 turns, 2 to 3 minutes
    python benchmarks/whole_step.py --turns 3   # writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import torch
from torch.nn import functional as F

from _loops import MLP, ready_source
from _rows import bootstrap, surroundings, write_rows
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.runs.events import Recorder
from netwright.train.compiled import Compilation
from netwright.train.control import Observer, View
from netwright.train.loop import Loop
from netwright.train.observers.progress import Progress
from netwright.train.observers.record import Record
from netwright.train.optimizers.build import build_optimizer
from netwright.train.settings import Settings

WARM, STEPS, TURNS = 100, 2000, 15
OPTIMIZERS: Mapping[str, Mapping[str, float]] = {
    "sgd": {"learning_rate": 0.05, "momentum": 0.9},
    "adamw": {"learning_rate": 0.001, "weight_decay": 0.01},
}
Turn: TypeAlias = dict[str, float]


class Stopwatch(Observer):
    """Processor seconds at the first step that counts, and what compiling took."""

    began = 0.0
    compiling = 0.0

    def compiled(self, view: View, *, compilation: Compilation) -> None:
        """Without a graph there is nothing to measure."""
        if compilation.reason is not None:
            raise SystemExit(f"nothing to measure: {compilation}")
        self.compiling += compilation.seconds

    def stepped(self, view: View) -> None:
        """From here on."""
        if view.step == WARM:
            self.began = time.process_time()


def hand(name: str) -> tuple[float, float]:
    """Microseconds of a step of the loop written by hand."""
    model, options = MLP.network(), dict(OPTIMIZERS[name])
    rate = options.pop("learning_rate")
    make = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[name]
    optimizer = make(model.parameters(), lr=rate, fused=True, **options)
    began = 0.0
    for step, (inputs, targets) in enumerate(MLP.batches(STEPS + WARM)):
        if step == WARM:
            began = time.process_time()
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    return 1e6 * (time.process_time() - began) / STEPS, 0.0


def ours(name: str, *, compiled: bool) -> tuple[float, float]:
    """Microseconds of a step of ours, and the seconds that compiling took."""
    from rich.console import Console

    unit = create("classes", names=tuple(map(str, range(10))), targets=None)
    watch = Stopwatch()
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nobody,
        Recorder(Path(folder), 1) as recorder,
        closing(Record(recorder)) as record,
        closing(Progress(Console(force_terminal=True, file=nobody))) as progress,
    ):
        Loop(
            Supervised(MLP.network(), unit),
            {"train": ready_source(MLP.batches(STEPS + WARM))},
            make_optimizer=lambda _, groups: build_optimizer(groups, name=name, **OPTIMIZERS[name]),
            settings=Settings(epochs=1, precision="fp32", compile=compiled),
            observers=[record, progress, watch],
        ).run()
        return 1e6 * (time.process_time() - watch.began) / STEPS, watch.compiling


def loops() -> dict[str, Callable[[], tuple[float, float]]]:
    """Every loop by name."""
    found: dict[str, Callable[[], tuple[float, float]]] = {}
    for name in OPTIMIZERS:
        found[f"{name}, by hand"] = lambda name=name: hand(name)
        found[f"{name}, ours"] = lambda name=name: ours(name, compiled=False)
        found[f"{name}, ours compiled"] = lambda name=name: ours(name, compiled=True)
    return found


def ratio(turns: Sequence[Turn], *, name: str) -> float:
    """The median over turns of a step's time over that by hand in the same turn."""
    reference = f"{name.partition(',')[0]}, by hand"
    return statistics.median(turn[name] / turn[reference] for turn in turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=TURNS)
    turns_asked = parser.parse_args().turns
    torch.set_num_threads(1)
    turns: list[Turn] = []
    compiling: dict[str, list[float]] = {name: [] for name in loops()}
    for turn in range(turns_asked):
        took: Turn = {}
        for name, loop in list(loops().items())[:: -1 if turn % 2 else 1]:
            took[name], seconds = loop()
            compiling[name].append(seconds)
        turns.append(took)
    around = surroundings("torch", "netwright")
    rows = []
    for name in loops():
        middle, low, high = bootstrap(lambda some, name=name: ratio(some, name=name), turns)
        row = {
            "loop": name,
            "batch": MLP.batch_size,
            "step_us": f"{statistics.median(turn[name] for turn in turns):.1f}",
            "over_hand": f"{middle:.3f}",
            "low": f"{low:.3f}",
            "high": f"{high:.3f}",
            "compile_s": f"{statistics.median(compiling[name]):.1f}",
            "first_compile_s": f"{compiling[name][0]:.1f}",
            "n": turns_asked,
        }
        rows.append(row | around)
        print(
            f"{name:22} {row['step_us']:>7} us a step, {row['over_hand']} of by hand "
            f"[{row['low']}, {row['high']}], compiling {row['compile_s']} s  n={turns_asked}"
        )
    if turns_asked >= TURNS:
        print(write_rows("whole_step", rows))


if __name__ == "__main__":
    main()
