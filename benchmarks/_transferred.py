"""Small pictures of four tasks, ready in the memory, for the benchmarks of transfer.

Chest X-rays: pneumonia or not; children of whom the test part has a picture are left out of the
training part, where the set has them in both. Traffic lights: red, yellow, green. Elpv: solar
cells under current, at least probably broken or not; a fifth of them is the test part. Cifar10:
2,000 of the training pictures, 2,000 of the test part.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.data import depot
from netwright.data.decode import decode
from netwright.data.open import open_data

__all__ = ["SETS", "SIDE", "Pictures", "few_labels"]

SIDE = 64
PATIENT = re.compile(r"person\d+|(?:NORMAL2-)?IM-\d+")
Files = Sequence[tuple[Path, int]]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """One task: bytes (n, 3, 64, 64) and classes (n,)."""

    names: tuple[str, ...]
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def chest_x_ray() -> Pictures:
    """See above."""
    root, names = depot.get("chest-x-ray"), ("normal", "pneumonia")
    test = _files(root / "test", names)
    held = {_patient(path) for path, _ in test}
    train = [one for one in _files(root / "train", names) if _patient(one[0]) not in held]
    return Pictures(names=names, train=_decoded(train), test=_decoded(test))


def traffic_lights() -> Pictures:
    """See above."""
    root, names = depot.get("traffic-lights"), ("red", "yellow", "green")
    train, test = (_decoded(_files(root / split, names)) for split in ("train", "test"))
    return Pictures(names=names, train=train, test=test)


def elpv() -> Pictures:
    """See above."""
    root = depot.get("elpv")
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        files = [
            (root / row["file"], int(float(row["defect_probability"]) > 0.5))
            for row in csv.DictReader(file)
        ]
    random.Random(0).shuffle(files)
    cut = len(files) // 5
    names = ("functional", "defective")
    return Pictures(names=names, train=_decoded(files[cut:]), test=_decoded(files[:cut]))


def cifar10() -> Pictures:
    """See above."""
    data = open_data("cifar10")
    draw = torch.Generator().manual_seed(0)
    parts = []
    for split in ("train", "test"):
        places = data.splits[split]
        taken = places[torch.randperm(len(places), generator=draw)[:2000]]
        parts.append((_resized(data.samples.take(taken)), data.target.values[taken]))
    return Pictures(names=data.target.names, train=parts[0], test=parts[1])


SETS: Mapping[str, Callable[[], Pictures]] = {
    "chest-x-ray": chest_x_ray,
    "traffic-lights": traffic_lights,
    "elpv": elpv,
    "cifar10": cifar10,
}


def few_labels(targets: Tensor, share: float, *, seed: int) -> Tensor:
    """Places of that share of each class, at least one of each."""
    draw = torch.Generator().manual_seed(seed)
    chosen = []
    for k in targets.unique():
        places = (targets == k).nonzero()[:, 0]
        count = max(1, round(share * len(places)))
        chosen.append(places[torch.randperm(len(places), generator=draw)[:count]])
    return torch.cat(chosen)


def _files(folder: Path, names: Sequence[str]) -> list[tuple[Path, int]]:
    return [(path, k) for k, name in enumerate(names) for path in sorted((folder / name).iterdir())]


def _patient(path: Path) -> str:
    found = PATIENT.match(path.name)
    if found is None:
        raise SystemExit(f"no child's number in {path.name}")
    return found[0]


def _decoded(files: Files) -> tuple[Tensor, Tensor]:
    pictures = [_resized(decode(path, channels=3)[None]) for path, _ in files]
    return torch.cat(pictures), torch.tensor([k for _, k in files])


def _resized(pictures: Tensor) -> Tensor:
    small = F.interpolate(
        pictures.float(), size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
    )
    return small.round().clamp(0, 255).to(torch.uint8)
