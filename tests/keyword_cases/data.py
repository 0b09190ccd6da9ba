"""Keywords of what goes in."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from keyword_cases.case import Case, attempt
from netwright.data.dataset import Data, InMemory, InputKind, Skipped, Target, TargetKind
from netwright.data.decode import picture_tensor
from netwright.data.depot import cache, catalogue, fetch
from netwright.data.depot.unpack import unpack
from netwright.data.depot.unpickle import arrays, unpickle
from netwright.data.folds import FoldOf, rolling_origin
from netwright.data.preprocess.photographs import Photographs
from netwright.data.sampler import batch_index
from netwright.data.source import Position
from netwright.data.sources.domains import domain_folders
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.image_folder import image_folder, unlabelled_folder
from netwright.data.sources.targets import infer_target
from netwright.data.split import check_disjoint, divide

CLASSES = Target(
    kind=TargetKind.CLASSES, names=("a", "b"), values=torch.arange(60).remainder(2).long()
)
DATA = Data(
    name="some", samples=InMemory(torch.rand(60, 3)), input_kind=InputKind.TABLE, target=CLASSES
)
FOLDER_KEYWORDS = {"image_size": (5, 5), "channels": 1, "skip_bad": True}


def pictures(root: Path, *folders: str) -> Path:
    """Three coloured pictures in each folder."""
    random = np.random.default_rng(0)
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for place in range(3):
            pixels = random.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{place}.png")
    return root


def seen(data: Data) -> tuple[Any, ...]:
    """A data set with its pictures decoded."""
    inputs = data.samples.take(torch.arange(len(data)))
    return inputs, data.target, data.labels, data.skipped, data.domains


def with_and_without_damage(reader: Any, good: Path, bad: Path, **keyword: Any) -> list[Any]:
    """How a reader takes whole pictures, and a folder in which one is damaged."""
    first = next(iter(sorted(bad.rglob("*.png"))))
    first.write_bytes(b"not a picture")
    return [
        seen(attempted)
        if isinstance(attempted := attempt(reader, root, **keyword), Data)
        else attempted
        for root in (good, bad)
    ]


def folders_of(reader: Any, *folders: str) -> Any:
    return lambda folder, **keyword: with_and_without_damage(
        reader, pictures(folder / "good", *folders), pictures(folder / "bad", *folders), **keyword
    )


def cached(folder: Path) -> Path:
    """A cache that holds something under the name of a set."""
    kept = folder / "elsewhere" / "mnist"
    kept.mkdir(parents=True)
    cache.write_manifest(kept, catalogue.entry("mnist"), route="none")
    return folder / "elsewhere"


def in_some_cache(function: Any) -> Any:
    def call(folder: Path, **keyword: Any) -> Any:
        cached(folder)
        if "cache" in keyword:
            keyword["cache"] = folder / keyword["cache"]
        return function(**keyword)

    return call


def unpacked(folder: Path, **keyword: Any) -> list[str]:
    for name in ("one.txt", "two.bin"):
        (folder / name).write_text(name)
    with tarfile.open(folder / "some.tar", "w") as archive:
        for name in ("one.txt", "two.bin"):
            archive.add(folder / name, arcname=name)
    unpack(folder / "some.tar", folder / "out", **keyword)
    return sorted(path.name for path in (folder / "out").iterdir())


def unpickled(folder: Path, **keyword: Any) -> Any:
    # Protocol 0 of Python 2: a byte string that is no ASCII but is latin-1.
    (folder / "old.pickle").write_bytes(b"U\x03\xe9ab.")
    try:
        return unpickle(folder / "old.pickle", admitted=arrays(), **keyword)
    except UnicodeDecodeError as error:
        return type(error).__name__


def disjoint(_: Path, *, groups: torch.Tensor | None = None, **keyword: Any) -> Any:
    splits = {"train": torch.tensor([0, 1, 2]), "test": torch.tensor([3, 4])}
    return attempt(check_disjoint, splits, groups, **keyword)


CASES = {
    "netwright.data.folds:rolling_origin": Case(
        lambda _, **keyword: rolling_origin(torch.arange(20.0), 3, **keyword), {"gap": 2.0}
    ),
    "netwright.data.decode:picture_tensor": Case(
        lambda _, **keyword: picture_tensor(Image.new("RGB", (4, 4), (9, 99, 199)), **keyword),
        {"channels": 1},
    ),
    "netwright.data.depot.cache:cache_folder": Case(
        lambda _, **keyword: cache.cache_folder(**keyword), {"cache": "elsewhere"}
    ),
    "netwright.data.depot.catalogue:listing": Case(
        in_some_cache(catalogue.listing), {"cache": "elsewhere"}
    ),
    "netwright.data.depot.fetch:remove": Case(
        in_some_cache(lambda **keyword: fetch.remove("mnist", **keyword)), {"cache": "elsewhere"}
    ),
    "netwright.data.depot.fetch:prepared": Case(
        in_some_cache(lambda **keyword: fetch.prepared("mnist", **keyword)), {"cache": "elsewhere"}
    ),
    "netwright.data.preprocess.photographs:Photographs": Case(
        lambda _, **keyword: Photographs([0.5] * 3, [0.2] * 3, **keyword)(torch.rand(1, 3, 6, 6)),
        {"size": (4, 4), "least_side": 8},
    ),
    "netwright.data.depot.unpack:unpack": Case(unpacked, {"keep": ("*.txt",)}),
    "netwright.data.depot.unpickle:unpickle": Case(unpickled, {"encoding": "latin-1"}),
    "netwright.data.sampler:batch_index": Case(
        lambda _, **keyword: batch_index(
            10, 5, seed=0, position=Position(epoch=0, step=0), **keyword
        ),
        {"shuffle": False},
    ),
    "netwright.data.sources.domains:domain_folders": Case(
        folders_of(domain_folders, "sun/cat", "sun/dog", "rain/cat", "rain/dog"),
        {**FOLDER_KEYWORDS, "kind": TargetKind.ORDINAL},
    ),
    "netwright.data.sources.faults:refuse_unless": Case(
        lambda _, **keyword: [
            attempt(
                refuse_unless, False, [Skipped("a.png", "empty")], name="x", rule="y", **keyword
            )
        ],
        {"fix": "Remove them"},
    ),
    "netwright.data.sources.image_folder:image_folder": Case(
        folders_of(image_folder, "cat", "dog"), {**FOLDER_KEYWORDS, "kind": TargetKind.ORDINAL}
    ),
    "netwright.data.sources.image_folder:unlabelled_folder": Case(
        folders_of(unlabelled_folder, "some"), FOLDER_KEYWORDS
    ),
    "netwright.data.sources.targets:infer_target": Case(
        lambda _, **keyword: infer_target(np.array([0, 1, 2, 1, 0]), names=["grade"], **keyword),
        {"kind": TargetKind.REAL},
    ),
    "netwright.data.split:check_disjoint": Case(
        disjoint, {"groups": torch.tensor([0, 1, 2, 2, 3]), "count": 3}
    ),
    "netwright.data.split:divide": Case(
        lambda _, **keyword: divide(DATA, **keyword),
        {
            "kind": "shuffled",
            "val": 0.3,
            "test": 0.4,
            "calibration": 0.2,
            "seed": 1,
            "gap": 1.0,
            "fold": FoldOf(number=1, of=2),
        },
    ),
}
EXEMPT = {
    "netwright.data.depot.fetch:get(cache)": "goes the same way as that of prepared and remove",
    "netwright.data.depot.fetch:get(progress)": "told while files come over the network: -m data",
    "netwright.data.depot.weights:WeightsCard(part)": "goes whole into weights.json",
    "netwright.data.depot.weights:WeightsCard(changes)": "goes whole into weights.json likewise",
}
