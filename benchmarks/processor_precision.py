"""Does a convolutional net learn as well in bf16 as in fp32, on a processor?

Each seed draws some training pictures, and trains the default recipe on them twice, once in each
format; both are judged by the whole test split. What counts is the difference within a seed: bf16
is as good where the 95 % interval of its mean lies within half a point of accuracy of 0. With ten
seeds cifar10's reached 0.05 points further; ten more were added, once, and it still did: "auto"
stays at fp32 on processors. The seconds printed are processor time of the whole of `netwright.fit`;
what a step takes is the question of `small_cnn_step.py`.

    python benchmarks/processor_precision.py           # 10 and 20 seeds, about 18 minutes
    python benchmarks/processor_precision.py cifar10/small-resnet --seeds 0 1 2
    python benchmarks/processor_precision.py --quick   # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import netwright
from _rows import bootstrap, surroundings, write_rows
from netwright.data.depot import get
from netwright.data.open import open_data

FORMATS = ("fp32", "bf16")
SEEDS = {"fashion-mnist/small-resnet": range(10), "cifar10/small-resnet": range(20)}
MARGIN = 0.005
TEST = 10_000  # pictures in the test split of either set
# training pictures, epochs: enough to learn most of what so few can teach, in seconds
SETTINGS = {"fashion-mnist/small-resnet": (4000, 5), "cifar10/small-resnet": (5000, 6)}


def train(setting: str, *, seed: int, precision: str, quick: bool) -> dict[str, float]:
    """Test accuracy, log loss and processor seconds of one run."""
    data, model = setting.split("/")
    count, epochs = (256, 1) if quick else SETTINGS[setting]
    whole = open_data(data)
    inputs, targets = whole.samples.values, whole.target.values
    order = whole.splits["train"][
        torch.randperm(len(whole.splits["train"]), generator=torch.Generator().manual_seed(seed))
    ]
    chosen = {"train": order[:count], "val": order[count : count + 500]}
    chosen["test"] = whole.splits["test"][: 500 if quick else None]
    given = {name: (inputs[index], targets[index]) for name, index in chosen.items()}
    began = time.process_time()
    with tempfile.TemporaryDirectory() as root:
        run = netwright.fit(
            given,
            model=model,
            epochs=epochs,
            batch_size=64,
            seed=seed,
            device="cpu",
            precision=precision,
            doctor=False,
            root=root,
        )
        seconds = time.process_time() - began
        path = Path(run.folder.path) / "evaluation" / "test.json"
        metrics = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    return {
        "accuracy": metrics["accuracy"]["value"],
        "log_loss": metrics["log_loss"]["value"],
        "seconds": seconds,
    }


def row_of(setting: str, pairs: Sequence[dict[str, dict[str, float]]]) -> dict[str, object]:
    """What the pairs say: means, and the mean difference with its interval."""
    row: dict[str, object] = {"setting": setting, "seeds": len(pairs)}
    for figure in ("accuracy", "log_loss"):
        for name in FORMATS:
            row[f"{figure}_{name}"] = f"{statistics.mean(one[name][figure] for one in pairs):.4f}"
        differences = [one["bf16"][figure] - one["fp32"][figure] for one in pairs]
        middle, low, high = bootstrap(statistics.mean, differences)
        row |= {
            f"{figure}_difference": f"{middle:+.4f}",
            f"{figure}_low": f"{low:+.4f}",
            f"{figure}_high": f"{high:+.4f}",
        }
        if figure == "accuracy":
            row["within_margin"] = "yes" if -low <= MARGIN and high <= MARGIN else "no"
    return row | {"margin": MARGIN, "n": TEST}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("setting", nargs="*", help=f"of {', '.join(SETTINGS)}; all where left out")
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="the usual ones where left out; else writes nothing"
    )
    parser.add_argument("--quick", action="store_true", help="tiny runs, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for setting in asked.setting or SETTINGS:
        seeds = range(2) if asked.quick else asked.seeds or SEEDS[setting]
        get(setting.split("/")[0])
        pairs = []
        for seed in seeds:
            order = FORMATS if seed % 2 else FORMATS[::-1]
            pair = {
                name: train(setting, seed=seed, precision=name, quick=asked.quick) for name in order
            }
            pairs.append(pair)
            print(setting, f"seed {seed}", pair, flush=True)
        row = row_of(setting, pairs) | surroundings("torch", "netwright")
        print(row, flush=True)
        if not asked.quick and asked.seeds is None:
            print(write_rows("processor_precision", [row]), flush=True)


if __name__ == "__main__":
    main()
