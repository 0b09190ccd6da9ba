"""What does a picture of a JPEG folder cost on its way to a 224 × 224 training batch, per core?

Processor milliseconds a picture, one thread, no workers: 500 × 375 JPEGs of about 52 KiB, crops of
scikit-learn's two photographs, written into a folder of their own at every start. All draw a box of
8 to 100 % of the area, bring it to 224 × 224 with antialiasing, mirror half of them, and normalise
a batch of 32 in 32 bits. torchvision's v2 decodes with its own decoder, works on bytes as long as
it can and normalises picture by picture, as its documentation shows, or the batch; with Pillow as
well. Ours also with
the cache of decoded pixels, once it is full.

    python benchmarks/jpeg_folder.py            # 11 turns, about two minutes
    python benchmarks/jpeg_folder.py --quick    # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import itertools
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from _rows import bootstrap, surroundings, write_rows

WIDTH, HEIGHT, QUALITY, SIDE, BATCH = 500, 375, 91, 224, 32
SCALE, MEAN, DEVIATION = (0.08, 1.0), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PEER = "torchvision v2, its decoder"


def write_folder(folder: Path, *, count: int) -> list[str]:
    """Crops of two photographs of varied size and place, some mirrored."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    draw = np.random.default_rng(0)
    photographs = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    paths = []
    for place in range(count):
        whole = photographs[place % 2]
        wide = draw.uniform(0.5, 1) * min(whole.width, whole.height * WIDTH / HEIGHT)
        tall = wide * HEIGHT / WIDTH
        left, top = draw.uniform(0, whole.width - wide), draw.uniform(0, whole.height - tall)
        part = whole.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC,
                            box=(left, top, left + wide, top + tall))  # fmt: skip
        if draw.random() < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        paths.append(str(folder / f"{place:04}.jpg"))
        part.save(paths[-1], quality=QUALITY)
    print(f"{count} JPEGs of {np.mean([os.path.getsize(path) for path in paths]) / 1024:.1f} KiB")
    return paths


def torchvisions(
    paths: Sequence[str], decode: Callable[[str], Any], *, by_batch: bool = False
) -> Iterator[Tensor]:
    from torchvision.transforms import v2

    crop = [v2.RandomResizedCrop(SIDE, scale=SCALE, antialias=True), v2.RandomHorizontalFlip()]
    numbers = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, DEVIATION, inplace=True)]
    singly = v2.Compose([v2.ToImage(), *crop, *([] if by_batch else numbers)])
    together = v2.Compose(numbers) if by_batch else torch.nn.Identity()
    endless = itertools.cycle(paths)
    while True:
        yield together(torch.stack([singly(decode(next(endless))) for _ in range(BATCH)]))


def decoders() -> dict[str, Callable[[str], Any]]:
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_image, read_file

    return {
        PEER: lambda path: decode_image(read_file(path), mode=ImageReadMode.RGB),
        "torchvision v2, Pillow": lambda path: Image.open(path).convert("RGB"),
    }


def ours(paths: Sequence[str], cache: str) -> Iterator[Tensor]:
    from netwright.data.preprocess.channel_mean_std import ChannelMeanStd
    from netwright.data.source import Position
    from netwright.data.sources.pictures import PictureFiles
    from netwright.data.streams.cropped import cropped
    from netwright.data.streams.streamed import StreamedSource

    pictures = PictureFiles(
        paths, channels=3, size=(SIDE, SIDE), sizes=[(HEIGHT, WIDTH)] * len(paths)
    )
    if cache != "none":
        pictures = pictures.with_cache(cache)
        for place in range(len(paths)):
            pictures.whole(place)
    recipe = [{"name": "random-resized-crop", "scale": SCALE}, {"name": "flip"}]
    reading, _ = cropped(pictures, recipe, seed=0)
    if reading is None:
        raise SystemExit("the crop is not done while reading")
    values = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, DEVIATION))
    mean, deviation = values
    source = StreamedSource(
        reading, None, index=torch.arange(len(paths)), batch_size=BATCH, seed=0, workers=0,
        preprocess=ChannelMeanStd(
            scale=torch.tensor(1 / 255), mean=mean, inverse_deviation=1 / deviation
        ),
    )  # fmt: skip
    for epoch in itertools.count():
        for step in range(source.length or 1):
            yield source.next(Position(epoch, step)).inputs


def cost(batches: Iterator[Tensor], *, count: int) -> float:
    """Milliseconds of processor time a picture, over batches in a row."""
    start = time.process_time()
    pictures = sum(len(next(batches)) for _ in range(count))
    return 1e3 * (time.process_time() - start) / pictures


def figure(name: str, turns: Sequence[Mapping[str, float]]) -> float:
    return statistics.median(turn[name] for turn in turns)


def ratio(name: str, turns: Sequence[Mapping[str, float]]) -> float:
    return statistics.median(turn[name] / turn[PEER] for turn in turns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="few pictures, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # torchvision says at each call that its decoder will go
    with tempfile.TemporaryDirectory() as folder:
        paths = write_folder(Path(folder), count=2 * BATCH if asked.quick else 8 * BATCH)
        there = {name: torchvisions(paths, decode) for name, decode in decoders().items()}
        there |= {
            f"{PEER}, by batch": torchvisions(paths, decoders()[PEER], by_batch=True),
            "netwright": ours(paths, "none"),
            "netwright, decoded kept in memory": ours(paths, "memory"),
        }
        for batches in there.values():
            next(batches)
        count, number = (4, 5) if asked.quick else (8, asked.turns)
        turns = [
            {name: cost(batches, count=count) for name, batches in there.items()}
            for _ in range(number)
        ]
    rows = []
    around = surroundings("torch", "torchvision", "pillow", "netwright")
    for name in there:
        middle, low, high = bootstrap(partial(figure, name), turns)
        against, least, most = bootstrap(partial(ratio, name), turns)
        rows.append(
            {"pipeline": name, "ms": f"{middle:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}",
             "ratio": f"{against:.3f}", "ratio_low": f"{least:.3f}", "ratio_high": f"{most:.3f}",
             "n": number, **around}
        )  # fmt: skip
        print(
            f"{name:36} {middle:.3f} ms [{low:.3f}, {high:.3f}], {against:.2f} of torchvision's "
            f"[{least:.2f}, {most:.2f}]"
        )
    if not asked.quick:
        print(write_rows("jpeg_folder", rows))


if __name__ == "__main__":
    main()
