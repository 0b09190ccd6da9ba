"""Is a step cheaper the more is frozen?

ResNet-18 on pictures of 64 pixels, 32 a batch, in 32 bits on one core: `fine-tuning` with 0 to 5 of
its six blocks frozen, against supervised learning of all of it. Turns are interleaved, forwards and
backwards; processor time of the loop's step.

    python benchmarks/frozen_step.py            # about 3 minutes
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
import time

import torch

from _rows import bootstrap, surroundings, write_rows
from netwright.data.batch import Batch
from netwright.methods.base import Method
from netwright.methods.output_units.catalogue import create as create_unit
from netwright.methods.supervised import Supervised
from netwright.methods.transfer.fine_tuning import FineTuning
from netwright.models.catalogue import create
from netwright.train.optimizers.build import build_optimizer

SIDE, BATCH, STEPS = 64, 32, 4
BLOCKS = 6


def methods() -> dict[str, Method]:
    """By what is frozen."""
    unit = create_unit("classes", names=("a", "b", "c"), targets=None)

    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        model = create("torchvision:resnet18", num_classes=3)
        return model.to(memory_format=torch.channels_last)

    example = torch.zeros(1, 3, SIDE, SIDE)
    made: dict[str, Method] = {"supervised": Supervised(network(), unit)}
    for frozen in range(BLOCKS):
        made[f"freeze {frozen}"] = FineTuning(network(), unit, example=example, freeze=frozen)
    return made


def stepper(method: Method):
    """So many steps, as the loop takes them."""
    stage = method.stages()[0]
    if stage.begin is not None:
        stage.begin()
    groups = method.parameter_groups(stage)["main"]
    optimizer = build_optimizer(groups, name="adamw", learning_rate=1e-4)
    method.train()
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, 3, SIDE, SIDE, generator=draw).to(memory_format=torch.channels_last)
    batch = Batch(inputs=x, targets=torch.arange(BATCH) % 3, index=torch.arange(BATCH))

    def run() -> float:
        begin = time.process_time()
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            loss = method.loss(batch)
            (loss.total / loss.count).backward()
            optimizer.step()
        return (time.process_time() - begin) / STEPS

    return run


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    steps = {name: stepper(method) for name, method in methods().items()}
    for run in steps.values():
        run()
    turns = []
    for turn in range(asked.turns):
        order = list(steps)[:: -1 if turn % 2 else 1]
        turns.append({name: steps[name]() for name in order})
    rows = []
    for name in steps:

        def ratio(turns: list[dict[str, float]], name: str = name) -> float:
            return statistics.median(turn[name] / turn["supervised"] for turn in turns)

        value, low, high = bootstrap(ratio, turns)
        milliseconds = 1000 * statistics.median(turn[name] for turn in turns)
        print(f"{name:>12} {milliseconds:7.1f} ms  {value:.3f} [{low:.3f}, {high:.3f}]")
        rows.append(
            {
                "what": name,
                "milliseconds": f"{milliseconds:.1f}",
                "ratio": f"{value:.3f}",
                "low": f"{low:.3f}",
                "high": f"{high:.3f}",
                "turns": asked.turns,
                **surroundings("torch", "torchvision", "netwright"),
            }
        )
    if not asked.dry:
        write_rows("frozen_step", rows)


if __name__ == "__main__":
    main()
