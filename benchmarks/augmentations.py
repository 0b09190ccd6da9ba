"""What does each augmentation of a batch cost, beside torchvision's of the same kind?

Processor microseconds for 64 pictures of 3×32×32, one thread, bytes and floats. Ours draws for each
picture. torchvision's v2 transforms, reading bilinearly where ours do, are given the whole batch,
for all of which they draw once ("one draw a batch"), and the pictures one by one, for the same kind
of work as ours ("each its own"). "in a row" is rotate-scale, affine and elastic, read once, against
our own one after another.

    python benchmarks/augmentations.py              # 31 turns, about two minutes
    python benchmarks/augmentations.py --quick      # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from _rows import bootstrap, surroundings, write_rows

BATCH, SHAPE = 64, (3, 32, 32)
BATCH_DRAW = "one draw a batch"
WARPS = [{"name": "rotate-scale"}, {"name": "affine"}, {"name": "elastic"}]


def ours(recipe: Sequence[Mapping[str, Any]], pictures: Tensor) -> Callable[[], object]:
    from netwright.data.augment.compose import Augment
    from netwright.data.batch import Batch

    augment, epochs = Augment(recipe, seed=0, num_classes=10), itertools.count()
    batch = Batch(pictures, torch.arange(BATCH) % 10, torch.arange(BATCH))
    return lambda: augment.batch(batch, epoch=next(epochs))


def one_after_another(pictures: Tensor) -> Callable[[], object]:
    from netwright.data.augment.compose import Augment

    steps, epochs = [Augment([entry], seed=0) for entry in WARPS], itertools.count()
    index = torch.arange(BATCH)

    def through() -> Tensor:
        epoch, seen = next(epochs), pictures
        for step in steps:
            seen = step(seen, index, epoch=epoch)
        return seen

    return through


def at_once(transform: Callable[[Tensor], object], pictures: Tensor) -> Callable[[], object]:
    return lambda: transform(pictures)


def one_by_one(transform: Callable[[Tensor], Tensor], pictures: Tensor) -> Callable[[], object]:
    return lambda: torch.stack([transform(picture) for picture in pictures])


def mixed(transform: Callable[..., object], pictures: Tensor) -> Callable[[], object]:
    classes = torch.arange(BATCH) % 10
    return lambda: transform(pictures, classes)


def pairs(pictures: Tensor) -> dict[tuple[str, str], tuple[Callable[[], object], ...]]:
    """Ours and the rival's work, by augmentation and rival."""
    from torchvision.transforms import InterpolationMode, v2

    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    peers = {
        "flip": v2.RandomHorizontalFlip(1.0),
        "flip-vertical": v2.RandomVerticalFlip(1.0),
        "random-crop": v2.RandomCrop(32, padding=4),
        "random-resized-crop": v2.RandomResizedCrop(32, scale=(0.5, 1.0), antialias=False),
        "rotate-scale": v2.RandomAffine(10, scale=(0.9, 1.1), **bilinear),
        "affine": v2.RandomAffine(
            10, scale=(0.9, 1.1), shear=10, translate=(0.05, 0.05), **bilinear
        ),
        "elastic": v2.ElasticTransform(alpha=34.0, sigma=4.5),
        "cutout": v2.RandomErasing(1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0)),
        "brightness-contrast": v2.ColorJitter(brightness=0.2, contrast=0.2),
        "saturation-hue": v2.ColorJitter(saturation=0.2, hue=0.05),
    }
    found = {}
    for name, peer in peers.items():
        own = ours([{"name": name}], pictures)
        found[name, BATCH_DRAW] = (own, at_once(peer, pictures))
        found[name, "each its own"] = (own, one_by_one(peer, pictures))
    if pictures.is_floating_point():  # torchvision's take no bytes
        found["mixup", BATCH_DRAW] = (
            ours([{"name": "mixup"}], pictures),
            mixed(v2.MixUp(alpha=0.2, num_classes=10), pictures),
        )
        found["cutmix", BATCH_DRAW] = (
            ours([{"name": "cutmix"}], pictures),
            mixed(v2.CutMix(alpha=1.0, num_classes=10), pictures),
        )
    found["in a row", "one after another"] = (ours(WARPS, pictures), one_after_another(pictures))
    return found


def cost(work: Callable[[], object], *, count: int) -> float:
    """Microseconds of processor time of one call."""
    work()
    start = time.process_time()
    for _ in range(count):
        work()
    return 1e6 * (time.process_time() - start) / count


Turn = Mapping[tuple[str, str], tuple[float, float]]


def figure(name: tuple[str, str], turns: Sequence[Turn]) -> float:
    return statistics.median(turn[name][0] for turn in turns)


def ratio(name: tuple[str, str], turns: Sequence[Turn]) -> float:
    return statistics.median(turn[name][0] / turn[name][1] for turn in turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=31)
    parser.add_argument("--quick", action="store_true", help="few calls, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    around = surroundings("torch", "torchvision", "netwright")
    rows = []
    generator = torch.Generator().manual_seed(0)
    as_bytes = torch.randint(0, 256, (BATCH, *SHAPE), dtype=torch.uint8, generator=generator)
    for kind, pictures in (("uint8", as_bytes), ("float32", as_bytes / 255)):
        there = pairs(pictures)
        count, number = (3, 3) if asked.quick else (15, asked.turns)
        turns = [
            {
                name: (
                    cost(one, count=count),
                    cost(other, count=count if BATCH_DRAW in name else 2),
                )
                for name, (one, other) in there.items()
            }
            for _ in range(number)
        ]
        for name in there:
            middle, low, high = bootstrap(partial(figure, name), turns)
            against, least, most = bootstrap(partial(ratio, name), turns)
            rows.append(
                {"pictures": kind, "augmentation": name[0], "rival": name[1], "us": f"{middle:.1f}",
                 "low": f"{low:.1f}", "high": f"{high:.1f}", "ratio": f"{against:.3f}",
                 "ratio_low": f"{least:.3f}", "ratio_high": f"{most:.3f}", "n": number, **around}
            )  # fmt: skip
            print(
                f"{kind:8} {name[0]:20} {middle:8.1f} us [{low:.1f}, {high:.1f}], "
                f"{against:.3f} of {name[1]} [{least:.2f}, {most:.2f}]"
            )
    if not asked.quick:
        print(write_rows("augmentations", rows))


if __name__ == "__main__":
    main()
