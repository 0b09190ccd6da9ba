"""Keywords of how batches are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright.data.augment.compose import Augment
from netwright.data.dataset import InMemory, Items
from netwright.data.source import Position, Share, Source
from netwright.data.sources import pixel_cache
from netwright.data.sources.pictures import PictureFiles
from netwright.data.sources.pixel_cache import PixelCache, disk_cache
from netwright.data.streams.cropped import CroppedPictures
from netwright.data.streams.held_out import held_out
from netwright.data.streams.in_memory import InMemorySource
from netwright.data.streams.loader import as_batch
from netwright.data.streams.reading import Reader, Request
from netwright.data.streams.streamed import StreamedSource

MIXED = Augment([{"name": "mixup"}], seed=0)
VALUES = torch.arange(36.0).reshape(12, 3)
TARGETS = torch.arange(12) % 2
INDEX = torch.arange(12)
WEIGHT = torch.linspace(0, 1, 12)


class Rows(Items):
    """Rows that are read one by one."""

    def __len__(self) -> int:
        return len(VALUES)

    def item(self, index: int) -> Tensor:
        return VALUES[index]


def batches_of(source: Source) -> list[Any]:
    try:
        return [source.next(Position(epoch=0, step=step)) for step in range(2)]
    finally:
        source.close()


def in_memory(_: Path, **keyword: Any) -> list[Any]:
    return batches_of(
        InMemorySource(
            InMemory(VALUES), TARGETS, index=INDEX, batch_size=4, seed=0, preprocess=nn.Identity(),
            **keyword,
        )
    )  # fmt: skip


def streamed(_: Path, **keyword: Any) -> list[Any]:
    keyword = {"workers": 0, **keyword}
    return batches_of(
        StreamedSource(
            Rows(), TARGETS, index=INDEX, batch_size=4, seed=0, preprocess=nn.Identity(), **keyword
        )
    )


def read(_: Path, **keyword: Any) -> list[Any]:
    reader = Reader(Rows(), seed=0, **keyword)
    try:
        return list(reader.read([Request(0, (1, 5))]))
    finally:
        reader.close()


def picture_files(folder: Path, **keyword: Any) -> PictureFiles:
    path = folder / "picture.png"
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(path)
    return PictureFiles([str(path)], channels=3, size=(8, 8), sizes=[(10, 10)], **keyword)


def cropped_pictures(folder: Path, **keyword: Any) -> Tensor:
    return CroppedPictures(picture_files(folder), seed=0, crop={}, **keyword).stack([0], epoch=0)


def cached_on_disk(folder: Path, **keyword: Any) -> bool:
    path = folder / "picture.jpg"
    path.write_bytes(b"")
    keyword = {name: folder / value for name, value in keyword.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_cache, "cache_folder", lambda: folder / "usual")
        disk_cache([str(path)], [(4, 4)], channels=3, **keyword)
    return (folder / "usual").exists()


class White(PixelCache):
    """Has every picture already."""

    def get(self, index: int) -> Tensor:
        return torch.full((3, 10, 10), 255, dtype=torch.uint8)


CASES = {
    "netwright.data.sources.pictures:PictureFiles": Case(
        lambda folder, **keyword: picture_files(folder, **keyword).item(0),
        {"cache": White([(10, 10)], channels=3, budget=0, open_file=pixel_cache._in_memory)},
    ),
    "netwright.data.sources.pixel_cache:disk_cache": Case(cached_on_disk, {"under": "elsewhere"}),
    "netwright.data.streams.cropped:CroppedPictures": Case(
        cropped_pictures, {"flip": {"probability": 1.0}}
    ),
    "netwright.data.streams.held_out:held_out": Case(
        lambda _, **keyword: list(
            held_out(
                InMemory(VALUES),
                TARGETS,
                index=INDEX,
                batch_size=5,
                preprocess=nn.Identity(),
                **keyword,
            )
        ),
        {"weight": WEIGHT, "device": "meta", "share": Share(rank=1, of=2)},
    ),
    "netwright.data.streams.in_memory:InMemorySource": Case(
        in_memory,
        {"augment": Augment([{"name": "flip"}], seed=0), "shuffle": False, "weight": WEIGHT},
    ),
    "netwright.data.streams.loader:as_batch": Case(
        lambda _, **keyword: as_batch((VALUES, TARGETS), **keyword), {"first": 100}
    ),
    "netwright.data.streams.reading:Reader": Case(
        read, {"transform": torch.neg, "workers": -1, "ahead": 0}
    ),
    "netwright.data.streams.streamed:StreamedSource": Case(
        streamed,
        {
            "transform": torch.neg,
            "augment": MIXED,
            "shuffle": False,
            "weight": WEIGHT,
            "workers": -1,
            "ahead": 0,
        },
    ),
}
EXEMPT = {
    "netwright.data.streams.cached:CachedFeatures(views)": "tests/data/test_streams_cached.py",
    "netwright.data.streams.cached:CachedFeatures(in_memory)": "changes where the features lie, "
    "never a bit of them, by contract: tests/data/test_streams_cached.py",
    "netwright.data.streams.held_out:held_out(workers)": "changes speed alone, by contract; the "
    "tests of streams hold that the batches stay the same",
    "netwright.data.streams.reading:Reader(pinned)": "page-locked memory needs an accelerator",
}
