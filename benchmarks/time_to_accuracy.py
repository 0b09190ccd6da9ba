"""How long until digits are read with 98 %, and fashion-mnist with 92 %, of the test split right?

Ours is `netwright train SET --epochs N`, all else being the default recipe. Lightning and fastai
learn the same network from the same training pictures with the same batch size, see `_accuracy.py`,
each in several settings (with and without moved pictures, fastai at its own rate and at ours); the
best of a trainer's settings counts. All follow a one-cycle schedule, for which an accuracy on the
way means little. So everybody climbs the same ladder of epochs, and *the time to an accuracy* is
that of the shortest run whose test accuracy is at or above it, in the mean over the seeds. It is
the time of a whole process, imports, validation, judging and report included: processor seconds
and the clock apart, one thread.

    python benchmarks/time_to_accuracy.py digits           # 5 seeds: about 40 minutes
    python benchmarks/time_to_accuracy.py fashion-mnist    # 1 seed: about 60 minutes
    python benchmarks/time_to_accuracy.py --quick          # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from _rows import surroundings, write_rows
from netwright.data.depot import get, names
from netwright.data.open import open_data
from netwright.data.split import divide

PEER = Path(__file__).with_name("_accuracy.py")
OURS = "from netwright.cli import main; main()"


@dataclass(frozen=True)
class Goal:
    """What is to be reached, and how it is climbed to."""

    accuracy: float
    ladder: tuple[int, ...]
    seeds: tuple[int, ...]
    batch_size: int


GOALS = {
    "digits": Goal(0.98, (3, 5, 7, 10, 14, 20, 28, 40), (0, 1, 2, 3, 4), 64),
    "fashion-mnist": Goal(0.92, (2, 3, 4, 6, 8, 12, 16), (0,), 128),
}
SETTINGS: dict[str, list[str]] = {
    "netwright": [],
    "lightning": ["lightning"],
    "lightning, moved": ["lightning", "--moved"],
    "fastai": ["fastai"],
    "fastai, rate 0.005": ["fastai", "--rate", "0.005"],
    "fastai, rate 0.005, moved": ["fastai", "--rate", "0.005", "--moved"],
}


@dataclass(frozen=True)
class Reached:
    """What one process came to."""

    accuracy: float
    cpu: float
    wall: float


def in_a_process(command: Sequence[str], *, accuracy: Callable[[str], float]) -> Reached:
    """Seconds of a whole process, and what `accuracy` makes of its output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()[-1500:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Reached(accuracy(done.stdout), cpu, wall)


def run(setting: str, *, data: str, arrays: Path, epochs: int, seed: int) -> Reached:
    """One run of one setting."""
    common = ["--epochs", str(epochs), "--seed", str(seed)]
    if SETTINGS[setting]:
        trainer, *options = SETTINGS[setting]
        size = ["--batch-size", str(GOALS[data].batch_size)]
        command = [sys.executable, str(PEER), trainer, str(arrays), *options, *common, *size]
        return in_a_process(command, accuracy=lambda out: _last_json(out)["accuracy"])
    with tempfile.TemporaryDirectory() as root:
        place = ["--name", "run", "--root", root]
        command = [sys.executable, "-c", OURS, "train", data, *common, *place]
        return in_a_process(command, accuracy=lambda _: _judged(Path(root) / "run"))


def _last_json(out: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(out.strip().splitlines()[-1])
    return found


def _judged(folder: Path) -> float:
    record = json.loads((folder / "evaluation" / "test.json").read_text(encoding="utf-8"))
    return float(record["metrics"]["accuracy"]["value"])


def save(data: str, path: Path) -> int:
    """Our splits as arrays for everybody; the number of test pictures."""
    if data in names():
        get(data)
    whole = open_data(data)
    splits = divide(whole)
    inputs, targets = whole.samples.values.numpy(), whole.target.values.numpy()
    arrays = {}
    for name, index in splits.items():
        arrays |= {f"{name}_x": inputs[index.numpy()], f"{name}_y": targets[index.numpy()]}
    np.savez(path, **arrays)
    return len(splits["test"])


def climb(
    setting: str, *, data: str, arrays: Path, ladder: Sequence[int], seeds: Sequence[int]
) -> tuple[int | None, list[Reached]]:
    """The fewest epochs whose mean accuracy is enough, with their runs; None where none is."""
    runs: list[Reached] = []
    for epochs in ladder:
        runs = [run(setting, data=data, arrays=arrays, epochs=epochs, seed=seed) for seed in seeds]
        mean = statistics.mean(one.accuracy for one in runs)
        cpu = statistics.mean(one.cpu for one in runs)
        print(f"{data}, {setting}, {epochs} epochs: {mean:.4f} in {cpu:.1f} s CPU", flush=True)
        if mean >= GOALS[data].accuracy:
            return epochs, runs
    return None, runs


def row_of(
    setting: str, *, data: str, epochs: int | None, runs: Sequence[Reached]
) -> dict[str, object]:
    """Means with the least and the most."""
    row: dict[str, object] = {
        "data": data,
        "goal": GOALS[data].accuracy,
        "trainer": setting,
        "epochs": "not reached" if epochs is None else epochs,
        "runs": len(runs),
    }
    for figure, digits in (("accuracy", 4), ("cpu", 1), ("wall", 1)):
        values = [getattr(one, figure) for one in runs]
        row[f"{figure}_mean"] = f"{statistics.mean(values):.{digits}f}"
        row[f"{figure}_low"] = f"{min(values):.{digits}f}"
        row[f"{figure}_high"] = f"{max(values):.{digits}f}"
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="*", help=f"of {', '.join(GOALS)}; all where left out")
    parser.add_argument("--seeds", type=int, nargs="+", help="the usual ones where left out")
    parser.add_argument("--epochs", type=int, nargs="+", help="another ladder; writes nothing")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, help="only these")
    parser.add_argument("--quick", action="store_true", help="1 epoch of digits, writes nothing")
    asked = parser.parse_args()
    settings = asked.settings or list(SETTINGS)
    for data in ["digits"] if asked.quick else asked.data or GOALS:
        goal = GOALS[data]
        ladder = (1,) if asked.quick else asked.epochs or goal.ladder
        seeds = (0,) if asked.quick else asked.seeds or goal.seeds
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            arrays = Path(folder) / "arrays.npz"
            count = save(data, arrays)
            for setting in settings:
                epochs, runs = climb(setting, data=data, arrays=arrays, ladder=ladder, seeds=seeds)
                rows.append(row_of(setting, data=data, epochs=epochs, runs=runs) | {"n": count})
                print(rows[-1], flush=True)
        if not (asked.quick or asked.epochs or asked.settings):
            around = surroundings("torch", "netwright", "lightning", "fastai")
            print(write_rows("time_to_accuracy", [row | around for row in rows]))


if __name__ == "__main__":
    main()
