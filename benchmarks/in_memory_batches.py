"""What does a batch of a set in memory cost, with and without flip and crop?

Processor microseconds a batch of 64, one thread, on sets of the size of fashion-mnist and cifar10
(their bytes are random: no byte costs more than another). Ours gathers, mirrors, crops with a frame
of 4 pixels and normalises; torch's DataLoader, without workers and with a dataset that has
`__getitems__`, gathers and normalises, and with torchvision's v2 transforms on the whole batch does
what they can: one box and one mirror for all of it, where ours draws for each picture. Rows "raw"
leave the preprocessing out, so that it can be told apart.

    python benchmarks/in_memory_batches.py              # 15 turns, about two minutes
    python benchmarks/in_memory_batches.py --quick      # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from _rows import bootstrap, surroundings, write_rows

SETS = {"1x28x28": (1, 28, 28), "3x32x32": (3, 32, 32)}
COUNT, BATCH = 50_000, 64
RECIPES: Mapping[str, list[dict[str, Any]]] = {
    "nothing": [],
    "crop, zeros + flip": [{"name": "random-crop"}, {"name": "flip"}],
    "crop, reflected + flip": [{"name": "random-crop", "border": "reflect"}, {"name": "flip"}],
    "shift, the default": [{"name": "shift"}],
}


class Gathered(Dataset[Any]):
    """A set in memory at its best for torch's loader: a whole batch at once."""

    def __init__(self, pictures: Tensor, targets: Tensor, then: Callable[[Tensor], Tensor]) -> None:
        self.pictures, self.targets, self.then = pictures, targets, then

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitems__(self, places: list[int]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(places)
        return self.then(self.pictures.index_select(0, index)), self.targets.index_select(0, index)


def as_it_is(batch: Any) -> Any:
    return batch


def loader(pictures: Tensor, targets: Tensor, then: Callable[[Tensor], Tensor]) -> Iterator[Any]:
    made = DataLoader(
        Gathered(pictures, targets, then), batch_size=BATCH, shuffle=True, collate_fn=as_it_is
    )
    while True:
        yield from made


def ours(
    pictures: Tensor, targets: Tensor, recipe: list[dict[str, Any]], preprocess: nn.Module
) -> Iterator[Any]:
    from netwright.data.augment.compose import Augment
    from netwright.data.dataset import InMemory
    from netwright.data.source import Position
    from netwright.data.streams.in_memory import InMemorySource

    source = InMemorySource(
        InMemory(pictures), targets, index=torch.arange(COUNT), batch_size=BATCH, seed=0,
        preprocess=preprocess, augment=Augment(recipe, seed=0) if recipe else None,
    )  # fmt: skip
    epoch = 0
    while True:
        for step in range(source.length or 1):
            yield source.next(Position(epoch, step))
        epoch += 1


def streams(shape: tuple[int, int, int]) -> dict[str, Iterator[Any]]:
    """Everything that takes turns, by name."""
    from torchvision.transforms import v2

    from netwright.data.dataset import InMemory
    from netwright.data.preprocess.catalogue import create

    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (COUNT, *shape), dtype=torch.uint8, generator=generator)
    targets = torch.randint(0, 10, (COUNT,), generator=generator)
    mean, deviation = [0.5] * shape[0], [0.29] * shape[0]
    normal = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, deviation)]
    cropped = [v2.RandomCrop(shape[1:], padding=4), v2.RandomHorizontalFlip(), *normal]
    preprocess = create("channel-mean-std", samples=InMemory(pictures), index=torch.arange(1000))
    found = {
        "DataLoader: nothing": loader(pictures, targets, v2.Compose(normal)),
        "DataLoader: v2, one draw a batch": loader(pictures, targets, v2.Compose(cropped)),
    }
    for name, recipe in RECIPES.items():
        found[f"netwright: {name}"] = ours(pictures, targets, recipe, preprocess)
        found[f"netwright raw: {name}"] = ours(pictures, targets, recipe, nn.Identity())
    return found


def cost(batches: Iterator[Any], *, count: int) -> float:
    """Microseconds of processor time a batch, over batches in a row."""
    for _ in range(16):
        next(batches)
    start = time.process_time()
    for _ in range(count):
        next(batches)
    return 1e6 * (time.process_time() - start) / count


def figure(name: str, turns: Sequence[Mapping[str, float]]) -> float:
    return statistics.median(turn[name] for turn in turns)


def ratio(name: str, turns: Sequence[Mapping[str, float]]) -> float:
    return statistics.median(turn[name] / turn["DataLoader: nothing"] for turn in turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="few batches, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    around = surroundings("torch", "torchvision", "netwright")
    rows = []
    for size, shape in SETS.items():
        there = streams(shape)
        count, number = (48, 3) if asked.quick else (480, asked.turns)
        turns = [
            {name: cost(batches, count=count) for name, batches in there.items()}
            for _ in range(number)
        ]
        for name in there:
            middle, low, high = bootstrap(partial(figure, name), turns)
            against, least, most = bootstrap(partial(ratio, name), turns)
            rows.append(
                {"pictures": size, "stream": name, "us": f"{middle:.1f}", "low": f"{low:.1f}",
                 "high": f"{high:.1f}", "ratio": f"{against:.3f}", "ratio_low": f"{least:.3f}",
                 "ratio_high": f"{most:.3f}", "n": number, **around}
            )  # fmt: skip
            print(
                f"{size} {name:42} {middle:7.1f} us [{low:.1f}, {high:.1f}], "
                f"{against:.2f} of DataLoader's nothing [{least:.2f}, {most:.2f}]"
            )
    if not asked.quick:
        print(write_rows("in_memory_batches", rows))


if __name__ == "__main__":
    main()
