"""How far does each architecture come in ten seconds of one core?

Every network learns fashion-mnist (28×28 greys, enlarged where a network can't bear them) for the
same processor time (as many steps are taken as fit the budget by the time of trial steps), under
one cycle of AdamW with batches of 64 and no augmentation. The highest rate is chosen from three by
a validation split, each tried for a quarter of the budget. So a network that does little arithmetic
sees more pictures: the question is not which is best in the end, but which to take when time is
short. Floor: the majority class, 0.1. FLOPs are of one picture at the stated side.

    python benchmarks/architectures.py               # about 20 minutes of one core; goes on
                                                     # where it was stopped
    python benchmarks/architectures.py resnet18 …    # only these
    python benchmarks/architectures.py --quick       # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import csv
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from _rows import RESULTS, surroundings, write_rows
from netwright.data import depot
from netwright.data.batch import Batch
from netwright.data.dataset import InMemory
from netwright.data.preprocess.catalogue import create as fitted
from netwright.data.source import Source
from netwright.data.sources.idx import read_idx
from netwright.data.streams.held_out import held_out
from netwright.data.streams.in_memory import InMemorySource
from netwright.methods.base import Stage
from netwright.methods.output_units.catalogue import create as unit_of
from netwright.methods.supervised import Supervised
from netwright.models.catalogue import create
from netwright.models.catalogue import describe as entry_of
from netwright.models.graph import describe
from netwright.train.loop import Loop
from netwright.train.optimizers.build import build_optimizer
from netwright.train.schedules import one_cycle
from netwright.train.settings import Settings

NAME = "architectures"
BATCH = 64
RATES = (3e-4, 1e-3, 3e-3)
SEEDS = (0, 1, 2)
TRAINING, VALIDATION, TEST = 20_000, 500, 2_000
CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Contestant:
    """A network, and the side of the pictures it is shown."""

    model: str
    side: int = 28
    options: Mapping[str, Any] = field(default_factory=dict)


CONTESTANTS = (
    Contestant("perceptron"),
    Contestant("mlp", options={"hidden": [256]}),
    Contestant("lenet"),
    Contestant("small-resnet"),
    Contestant("capsnet", options={"channels": 32, "maps": 8}),
    Contestant("vit", 28, {"patch": 4, "width": 64, "depth": 4, "heads": 4}),
    Contestant("alexnet", 67),
    Contestant("googlenet", 32),
    Contestant("resnet18", 32),
    Contestant("densenet121", 32),
    Contestant("se-resnet18", 32),
    Contestant("mobilenet-v1", 32),
    Contestant("mobilenet-v2", 32),
    Contestant("shufflenet-v1", 32),
    Contestant("shufflenet-v2", 32),
    Contestant("squeezenet", 32),
    Contestant("inception-resnet-v1", 75),
    Contestant("vgg11", 32),
    Contestant("resnet50", 32),
    Contestant("xception", 32),
    Contestant("resnext50", 32),
    Contestant("wide-resnet50", 32),
    Contestant("inception-resnet-v2", 75),
)


class Budgeted(Supervised):
    """So many steps, whatever an epoch is."""

    def __init__(self, *parts: Any, steps: int) -> None:
        super().__init__(*parts)
        self.steps = steps

    def stages(self) -> Sequence[Stage]:
        """One, of a number of steps."""
        return (Stage(steps=self.steps),)


def pictures(side: int, count: int, *, test: bool = False) -> tuple[Tensor, Tensor]:
    """The first so many of a split, enlarged."""
    folder, split = depot.get("fashion-mnist"), "t10k" if test else "train"
    raw = read_idx(folder / f"{split}-images-idx3-ubyte.gz")[:count]
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")[:count]
    inputs = torch.from_numpy(raw.copy())[:, None]
    if side != inputs.shape[-1]:
        inputs = F.interpolate(inputs.float(), (side, side), mode="bilinear").round().byte()
    return inputs, torch.from_numpy(labels.astype("int64"))


def method_of(one: Contestant, *, steps: int, seed: int) -> Budgeted:
    torch.manual_seed(seed)
    size = {"in_channels": 1, "image_size": one.side}
    network = create(one.model, num_classes=len(CLASSES), **size, **one.options)
    return Budgeted(network, unit_of("classes", names=CLASSES, targets=None), steps=steps)


def seconds_a_step(one: Contestant) -> float:
    """A first guess, without what the loop adds to forwards, backwards and AdamW."""
    method = method_of(one, steps=1, seed=0)
    inputs, labels = torch.randn(BATCH, 1, one.side, one.side), torch.arange(BATCH) % 10
    optimizer = torch.optim.AdamW(method.parameters(), 1e-3, fused=True)
    taken = []
    for _ in range(6):
        start = time.process_time()
        optimizer.zero_grad()
        (method.unit.total(method.scores(inputs), labels) / BATCH).backward()
        optimizer.step()
        taken.append(time.process_time() - start)
    return min(taken[1:])


def learned(
    one: Contestant, source: Source, *, steps: int, rate: float, seed: int
) -> tuple[Budgeted, float]:
    """A network that took so many steps, and the processor time that they took."""
    method = method_of(one, steps=steps, seed=seed)
    loop = Loop(
        method,
        {"train": source},
        make_optimizer=lambda _, groups: build_optimizer(
            groups, name="adamw", learning_rate=rate, weight_decay=0.05
        ),
        settings=Settings(seed=seed, precision="fp32", ring=0),
        schedule=one_cycle(),
    )
    start = time.process_time()
    loop.run()
    return method, time.process_time() - start


def accuracy(method: Budgeted, judged: Iterator[Batch]) -> float:
    hits = [method.predict(batch.inputs).outputs == batch.targets for batch in judged]
    return float(torch.cat(hits).float().mean())


class Task:
    """The pictures at one side, as streams."""

    def __init__(self, side: int) -> None:
        parts = pictures(side, TRAINING + VALIDATION), pictures(side, TEST, test=True)
        inputs, self.labels = (torch.cat(pair) for pair in zip(*parts, strict=True))
        self.samples = InMemory(inputs)
        self.train = torch.arange(TRAINING)
        self.validation = torch.arange(TRAINING, TRAINING + VALIDATION)
        self.test = torch.arange(TRAINING + VALIDATION, len(inputs))
        self.preprocess = fitted("channel-mean-std", samples=self.samples, index=self.train)

    def source(self, seed: int) -> Source:
        """What is learned from."""
        return InMemorySource(
            self.samples,
            self.labels,
            index=self.train,
            batch_size=BATCH,
            seed=seed,
            preprocess=self.preprocess,
        )

    def judged(self, index: Tensor) -> Iterator[Batch]:
        """One pass over what judges."""
        return held_out(
            self.samples,
            self.labels,
            index=index,
            batch_size=BATCH,
            preprocess=self.preprocess,
            device=torch.device("cpu"),
        )


def measured(one: Contestant, *, budget: float) -> dict[str, object]:
    """A row."""
    task = Task(one.side)
    few = max(1, int(budget / 4 / seconds_a_step(one)))
    tried, costs = {}, []
    for rate in RATES:
        method, seconds = learned(one, task.source(99), steps=few, rate=rate, seed=99)
        tried[rate] = accuracy(method, task.judged(task.validation))
        costs.append(seconds / few)
    steps = max(1, round(budget / statistics.median(costs)))
    rate = max(tried, key=tried.__getitem__)
    reached, taken = [], []
    for seed in SEEDS:
        method, seconds = learned(one, task.source(seed), steps=steps, rate=rate, seed=seed)
        reached.append(accuracy(method, task.judged(task.test)))
        taken.append(seconds)
    described = describe(method.model.eval(), torch.zeros(1, 1, one.side, one.side))
    return {
        "model": one.model,
        "stands_for": entry_of(one.model).name,
        "options": " ".join(f"{name}={value}" for name, value in one.options.items()),
        "side": one.side,
        "parameters": described.parameters,
        "multiply_adds": described.multiply_adds,
        "accuracy": f"{statistics.mean(reached):.4f}",
        "lowest": f"{min(reached):.4f}",
        "highest": f"{max(reached):.4f}",
        "steps": steps,
        "pictures": steps * BATCH,
        "seconds": f"{statistics.mean(taken):.1f}",
        "budget": f"{budget:g}",
        "rate": f"{rate:g}",
        "seeds": len(SEEDS),
        "n": TEST,
        **surroundings("torch", "torchvision", "timm", "netwright"),
    }


def there() -> set[str]:
    path = RESULTS / f"{NAME}.csv"
    if not path.exists():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {row["model"] for row in csv.DictReader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", help="only these, whether or not they are there")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of one core")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    done = set() if asked.models or asked.quick else there()
    for one in CONTESTANTS:
        if one.model in done or (asked.models and one.model not in asked.models):
            continue
        row = measured(one, budget=1.0 if asked.quick else asked.budget)
        print({name: row[name] for name in ("model", "accuracy", "steps", "seconds", "rate")})
        if not asked.quick:
            write_rows(NAME, [row])


if __name__ == "__main__":
    main()
