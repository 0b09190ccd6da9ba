"""Networks that are explained, and pictures of which is known where something lies.

Lungs: chest X-rays with pneumonia or without, 160 pixels. ResNet-18 with ImageNet's weights, its
last stage and head trained by netwright's `fit`; children of whom the test split has a picture are
left out of the training split, where the set has them in both. Judged on the 299 X-rays with lung
masks, all of them without pneumonia, none learned from.

Cells: cut-outs of 48 pixels from microscope pictures, brought to cells of about 20 pixels, with
some cell (5 to 40 % of the area) or without; as many of either kind from each picture, so that only
the cells tell them apart. small-resnet, trained by `fit` on three pictures of each style, judged on
cut-outs with cells of the other two. Styles with hardly any ground between their cells are left
out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import netwright as nw
from netwright.data import depot
from netwright.data.decode import decode
from netwright.runs.store import events
from netwright.workflow.pretrained import pretrained

__all__ = ["STUDIES", "Study"]

SIDE = 160
CUT = 48
STYLES = {"neurocyte": 0.65, "style1": 0.87, "style2": 1.4}  # what brings cells to 20 pixels
PATIENT = re.compile(r"person\d+|(?:NORMAL2-)?IM-\d+")
TWIN = ["data.shuffle_labels=true", "training.restore_best=false"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Networks trained alike but for their seed, and what they are judged on.

    Attributes:
        nets: with two scores each.
        twin: trained as the first, on shuffled labels.
        accuracies: of each on the test split: value, low, high.
        twin_loss: mean log loss of its last pass over the shuffled labels; knowing nothing is 0.69.
        n_test: test pictures behind an accuracy.
        pictures: as the networks take them.
        shown: the same as a person is shown them, from 0 to 1.
        masks: where the lungs or the cells are.
    """

    nets: Sequence[nn.Module]
    twin: nn.Module
    accuracies: Sequence[tuple[float, float, float]]
    twin_loss: float
    n_test: int
    pictures: Tensor
    shown: Tensor
    masks: Tensor


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One network after training: preprocessing and model, test accuracy, last training loss."""

    net: nn.Module
    accuracy: tuple[float, float, float]
    loss: float


def lungs(*, seeds: int, quick: bool) -> Study:
    """See above."""
    root = depot.get("chest-x-ray")
    few = slice(None, None, 40) if quick else slice(None)
    test = _files(root / "test")
    held = {_patient(path) for path, _ in test}
    train = [one for one in _files(root / "train") if _patient(one[0]) not in held]
    known = pretrained("resnet18")
    known.preprocess.size = (SIDE, SIDE)

    def taken(paths: Sequence[Path]) -> Tensor:
        return known.preprocess(torch.stack([decode(path, channels=3) for path in paths]))

    stem, _ = _halves()
    data = {
        split: (_through(stem, [path for path, _ in files[few]], taken=taken), _labels(files[few]))
        for split, files in (("train", train), ("test", test))
    }

    def fitted(seed: int, *, epochs: int, changes: Sequence[str]) -> Fitted:
        torch.manual_seed(seed)
        tail = _halves()[1]
        asked = ["preprocess={name: none}", "augment=[]", *changes]
        found = _fit(data, model=tail, epochs=epochs, rate=1e-3, seed=seed, changes=asked)
        return replace(found, net=_placed(nn.Sequential(stem, found.net[1])))

    shown, masks = _masked(root / "masks", slice(None, None, 10 if quick else 1))
    found = _trained(fitted, seeds=seeds, epochs=2, twin_epochs=1 if quick else 6)
    scaled = known.preprocess(shown)
    return Study(**found, n_test=len(data["test"][1]), pictures=scaled, shown=shown, masks=masks)


def cells(*, seeds: int, quick: bool) -> Study:
    """See above."""
    root = depot.get("cells")
    parts: dict[str, list[Cuts]] = {"train": [], "test": []}
    for style, scale in STYLES.items():
        for place, path in enumerate(sorted((root / "images" / style).iterdir())):
            mask = root / "masks" / style / path.name
            cuts = _cut_out(path, mask, scale=scale, many=20 if quick else 200, seed=place)
            parts["train" if place < 3 else "test"].append(cuts)
    data = {name: tuple(map(torch.cat, zip(*cuts, strict=True))) for name, cuts in parts.items()}

    def fitted(seed: int, *, epochs: int, changes: Sequence[str]) -> Fitted:
        given = {name: (pictures, labels) for name, (pictures, labels, _) in data.items()}
        asked = ["method={name: supervised, unit: classes}", "augment=[{name: flip}]", *changes]
        return _fit(given, model="small-resnet", epochs=epochs, rate=5e-3, seed=seed, changes=asked)

    pictures, labels, masks = data["test"]
    there = labels == 1
    found = _trained(fitted, seeds=seeds, epochs=2 if quick else 8, twin_epochs=2 if quick else 16)
    shown = pictures[there]
    return Study(**found, n_test=len(labels), pictures=shown, shown=shown, masks=masks[there])


STUDIES: dict[str, Callable[..., Study]] = {"lungs": lungs, "cells": cells}


def _trained(
    fitted: Callable[..., Fitted], *, seeds: int, epochs: int, twin_epochs: int
) -> dict[str, Any]:
    """The networks and the twin of the first, with how right they are."""
    made = [fitted(seed, epochs=epochs, changes=[]) for seed in range(seeds)]
    twin = fitted(0, epochs=twin_epochs, changes=TWIN)
    return {
        "nets": [one.net for one in made],
        "accuracies": [one.accuracy for one in made],
        "twin": twin.net,
        "twin_loss": twin.loss,
    }


def _fit(
    data: Any, *, model: Any, epochs: int, rate: float, seed: int, changes: Sequence[str]
) -> Fitted:
    with tempfile.TemporaryDirectory() as root:
        run = nw.fit(
            data,
            model=model,
            epochs=epochs,
            learning_rate=rate,
            batch_size=32,
            seed=seed,
            changes=changes,
            root=root,
        )
        test = run.folder.read_json("evaluation/test.json")["metrics"]["accuracy"]
        losses = [event["loss"] for event in events(run.folder.path, "epoch") if "loss" in event]
    return Fitted(
        net=_placed(nn.Sequential(run.preprocess, run.model)),
        accuracy=(test["value"], test["low"], test["high"]),
        loss=losses[-1],
    )


def _halves() -> tuple[nn.Module, nn.Module]:
    """ResNet-18 up to its last stage, and that stage with a new head."""
    net = pretrained("resnet18").model
    stem = nn.Sequential(
        net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3
    )
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))
    return _placed(stem), nn.Sequential(net.layer4, *head)


def _placed(net: nn.Module) -> nn.Module:
    """As it runs fastest on a processor."""
    return net.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def _through(
    stem: nn.Module, paths: Sequence[Path], *, taken: Callable[[Sequence[Path]], Tensor]
) -> Tensor:
    """What the part that is not trained makes of pictures."""
    parts = [paths[at : at + 32] for at in range(0, len(paths), 32)]
    return torch.cat([stem(taken(part)).contiguous() for part in parts])


def _files(folder: Path) -> list[tuple[Path, int]]:
    classes = ("normal", "pneumonia")
    return [
        (path, k) for k, name in enumerate(classes) for path in sorted((folder / name).iterdir())
    ]


def _patient(path: Path) -> str:
    found = PATIENT.match(path.name)
    if found is None:
        raise SystemExit(f"no child's number in {path.name}")
    return found[0]


def _labels(files: Sequence[tuple[Path, int]]) -> Tensor:
    return torch.tensor([label for _, label in files])


def _masked(folder: Path, few: slice) -> tuple[Tensor, Tensor]:
    """X-rays from 0 to 1, and where their lungs are."""
    paths = sorted((folder / "images").iterdir())[few]
    pictures = torch.stack([decode(path, channels=3) for path in paths]).float() / 255
    masks = torch.stack(
        [decode(folder / "masks" / f"{path.stem}.png", channels=1) for path in paths]
    ).float()
    sizes = {"size": (SIDE, SIDE), "mode": "bilinear", "antialias": True}
    return F.interpolate(pictures, **sizes), F.interpolate(masks, **sizes)[:, 0] > 127


Cuts = tuple[Tensor, Tensor, Tensor]


def _cut_out(path: Path, mask: Path, *, scale: float, many: int, seed: int) -> Cuts:
    """As many pieces with cells as without, at random places: pictures, labels, masks."""
    image = Image.open(path).convert("RGB")
    size = (round(image.width * scale), round(image.height * scale))
    pixels = np.asarray(image.resize(size)).transpose(2, 0, 1)
    there = Image.fromarray((np.asarray(Image.open(mask)) > 0).astype(np.uint8) * 255)
    marked = np.asarray(there.resize(size)) > 127
    sums = np.pad(marked.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    share = (sums[CUT:, CUT:] - sums[:-CUT, CUT:] - sums[CUT:, :-CUT] + sums[:-CUT, :-CUT]) / CUT**2
    kinds = [np.argwhere(share < 0.003), np.argwhere((share > 0.05) & (share < 0.4))]
    draw = np.random.default_rng(seed)
    each = min(many // 2, *(len(places) // 20 for places in kinds))
    found: list[tuple[np.ndarray, int, np.ndarray]] = []
    for label, places in enumerate(kinds):
        for top, left in places[draw.permutation(len(places))[:each]]:
            window = slice(top, top + CUT), slice(left, left + CUT)
            found.append((pixels[:, *window], label, marked[window]))
    if not found:
        nothing = torch.zeros(0, 3, CUT, CUT), torch.zeros(0, dtype=torch.int64)
        return (*nothing, torch.zeros(0, CUT, CUT, dtype=torch.bool))
    pictures, labels, masks = (np.stack(part) for part in zip(*found, strict=True))
    return torch.tensor(pictures) / 255, torch.tensor(labels), torch.tensor(masks)
