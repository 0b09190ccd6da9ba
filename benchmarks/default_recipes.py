"""How well, and how fast, is the recipe that nobody has touched?

Each run is one whole process `netwright train SET`, as a person would call it: the seconds count
from its start to its end, reading, judging and report included.

    python benchmarks/default_recipes.py                              # both, as below
    python benchmarks/default_recipes.py digits --seeds 0 1 2 3 4     # about two minutes
    python benchmarks/default_recipes.py fashion-mnist --seeds 0      # about half an hour
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from _rows import surroundings, write_rows

SEEDS = {"digits": (0, 1, 2, 3, 4), "fashion-mnist": (0,)}
PROGRAM = "from netwright.cli import main; main()"


def run_once(data: str, *, seed: int, root: Path) -> dict[str, float]:
    """Test accuracy, its n and the seconds of one process."""
    name = f"{data}-seed-{seed}"
    command = [sys.executable, "-c", PROGRAM, "train", data, "--seed", str(seed)]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--name", name, "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{data}, seed {seed}: {done.stderr.strip()[-800:]}")
    record = json.loads((root / name / "evaluation" / "test.json").read_text(encoding="utf-8"))
    accuracy = record["metrics"]["accuracy"]["value"]
    return {"accuracy": accuracy, "n": record["n"], "seconds": seconds}


def summary(data: str, seeds: Sequence[int], runs: Sequence[dict[str, float]]) -> dict[str, object]:
    """One row: means with the least and the most."""
    row: dict[str, object] = {"data": data, "seeds": " ".join(map(str, seeds)), "runs": len(runs)}
    row["n"] = int(runs[0]["n"])
    for figure, digits in (("accuracy", 4), ("seconds", 1)):
        values = [run[figure] for run in runs]
        row[f"{figure}_mean"] = f"{statistics.mean(values):.{digits}f}"
        row[f"{figure}_low"] = f"{min(values):.{digits}f}"
        row[f"{figure}_high"] = f"{max(values):.{digits}f}"
    return row


def fetch(data: str) -> None:
    """Bring the set before the clock runs; a built-in one is there."""
    from netwright.data.depot import get, names

    if data in names():
        get(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", help=f"of {', '.join(SEEDS)}; all where left out")
    parser.add_argument("--seeds", type=int, nargs="+", help="the usual ones where left out")
    asked = parser.parse_args()
    for data in asked.data or SEEDS:
        fetch(data)
        seeds = asked.seeds or SEEDS.get(data, (0,))
        runs = []
        with tempfile.TemporaryDirectory() as root:
            for seed in seeds:
                runs.append(run_once(data, seed=seed, root=Path(root)))
                print(data, f"seed {seed}", runs[-1], flush=True)
        row = summary(data, seeds, runs) | surroundings("torch", "netwright")
        print(write_rows("default_recipes", [row]))


if __name__ == "__main__":
    main()
