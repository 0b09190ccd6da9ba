"""What does a whole step of a small convolutional net cost, in ours and in Lightning, as they come?

Processor time of a step of our small-resnet on pictures 3x32x32, AdamW in torch's fused form for
all, one thread. Twice: with batches that lie ready (the loop and the arithmetic alone), and with
the data: uint8 pictures in memory, cropped at random and normalised, ours by the default recipe,
Lightning's by a DataLoader with torchvision's v2 transforms in the same process. Ours records and
draws every step and the doctor watches; Lightning runs lean. Lightning's defaults are fp32 and
torch's own memory layout; `tuned` is Lightning with bf16-mixed and channels last, as its
documentation advises, and says how much of the difference is a better default.

    python benchmarks/small_cnn_step.py            # 9 turns, about 8 minutes
    python benchmarks/small_cnn_step.py --quick    # does everything run? writes nothing
    python benchmarks/small_cnn_step.py --only ours --turns 5    # no peers needed, writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
from collections.abc import Mapping, Sequence
from functools import partial

import torch

from _loops import Loop, Work, hand, lightning, ours
from _pictures import lightning_with_data, ours_with_data
from _rows import bootstrap, surroundings, write_rows
from _turns import quieten, take_turns
from netwright.models.classifiers.small_resnet import SmallResNet

SHORT, LONG, TURNS = 5, 35, 9
BATCHES = (64, 128)
READY, DATA = "ready batches", "with data and augmentation"


def work_of(batch_size: int) -> Work:
    return Work(
        build=lambda: SmallResNet(10, in_channels=3, image_size=32),
        shape=(3, 32, 32),
        batch_size=batch_size,
        optimizer="adamw",
        kind=torch.optim.AdamW,
        options={"lr": 0.005, "weight_decay": 0.05, "fused": True},
    )


def loops_of(work: Work) -> dict[str, dict[str, Loop]]:
    """By kind of step, then by name; the first of each kind is what the others are held against."""
    peer = partial(lightning, work=work, told=False)
    return {
        READY: {
            "lightning, defaults": peer,
            "lightning, tuned": partial(peer, tuned=True),
            "hand-written, defaults": partial(hand, work=work),
            "netwright, default": partial(ours, work=work),
            "netwright, fp32": partial(ours, work=work, precision="fp32"),
            "netwright, bf16": partial(ours, work=work, precision="bf16"),
        },
        DATA: {
            "lightning, defaults": partial(lightning_with_data, work=work),
            "lightning, tuned": partial(lightning_with_data, work=work, tuned=True),
            "netwright, default": partial(ours_with_data, work=work),
        },
    }


def row_of(measured: Sequence[Mapping[str, float]], name: str, *, against: str) -> dict[str, str]:
    """Median milliseconds, and the median ratio within a turn."""
    ratio, low, high = bootstrap(
        lambda turns: statistics.median(turn[name] / turn[against] for turn in turns), measured
    )
    step = statistics.median(turn[name] for turn in measured) / 1000
    figures = {"ratio": ratio, "low": low, "high": high}
    return {"step_ms": f"{step:.2f}"} | {key: f"{value:.3f}" for key, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=None, help=f"{TURNS} where left out")
    parser.add_argument("--batch-size", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--only", choices=["ours"], help="no peers; against the loop by hand")
    parser.add_argument("--quick", action="store_true", help="few steps, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    turns = asked.turns or (2 if asked.quick else TURNS)
    short, long = (1, 3) if asked.quick else (SHORT, LONG)
    around = surroundings("torch", "netwright", "lightning", "torchvision")
    rows = []
    for batch_size in asked.batch_size:
        for kind, everyone in loops_of(work_of(batch_size)).items():
            loops = {
                name: loop
                for name, loop in everyone.items()
                if asked.only is None or "lightning" not in name
            }
            against = next(iter(loops))
            measured = take_turns(loops, turns=turns, short=short, long=long)
            for name in loops:
                row: dict[str, object] = {"step": kind, "batch_size": batch_size, "loop": name}
                row |= row_of(measured, name, against=against) | {"against": against, "n": turns}
                rows.append(row | around)
                print(" ".join(str(value) for value in row.values()), flush=True)
    if not asked.quick and asked.only is None and tuple(asked.batch_size) == BATCHES:
        print(write_rows("small_cnn_step", rows))


if __name__ == "__main__":
    main()
