"""Do networks trained on ImageNet go by texture or by shape?

Pictures with the shape of one class and the texture of another are painted by `style_transfer` with
VGG-16 (relu1_1 to relu4_1), then shown to ResNet-18, ResNet-50 and MobileNetV2. Two sets:

- cifar10: pictures of eight of its classes that all three networks take for what they are, at
  64×64; each ImageNet class that belongs to one of the eight counts for it, the others nowhere.
- photographs: four of scikit-image's (cat, cup, moped, tripod) that all three know, at 128×128,
  every shape with every other texture.

Beside them two controls whose answer is known: the original whose channel products (no place left)
are nearest, which must come out as texture, and the original whose outlines are nearest (the size
of luminance steps, smoothed, no surface left), which must come out as shape. Floor: 0.5.

`netwright data get cifar10 resnet18 resnet50 mobilenet-v2 vgg16-features` and `pip install
scikit-image` bring what it reads.

    python benchmarks/texture_or_shape.py            # ~5 minutes
    python benchmarks/texture_or_shape.py --quick    # 8 of cifar10, 5 steps; nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import importlib.util
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import netwright as nw
from _rows import surroundings, write_rows
from netwright.data import depot
from netwright.data.sources.idx import read_idx
from netwright.explain.style_transfer import _maps, _products
from netwright.workflow.pretrained import Pretrained, pretrained

NETWORKS = ("resnet18", "resnet50", "mobilenet-v2")
TEXTURES, CONTENT = ("1", "6", "11", "18"), "18"
CIFAR = {
    0: (404, 895),  # airliner, warplane
    1: (407, 436, 468, 511, 609, 627, 656, 661, 705, 751, 817),
    2: (*range(7, 25), *range(80, 101), *range(127, 147)),
    3: tuple(range(281, 286)),
    5: tuple(range(151, 269)),
    6: (30, 31, 32),
    8: (472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 871, 914),
    9: (555, 569, 675, 717, 734, 864, 867),
}
PHOTOGRAPHS = {
    "chelsea.png": tuple(range(281, 286)),
    "coffee.png": (504, 925, 967, 968),
    "motorcycle_left.png": (665, 670),
    "camera.png": (759, 872),
}


@dataclass(frozen=True)
class Conflicts:
    """Originals, and pictures with the shape of one and the texture of another."""

    name: str
    originals: Tensor
    classes: Tensor
    pictures: Tensor
    shapes: Tensor
    textures: Tensor
    groups: list[Sequence[int]]


def known(nets: Sequence[Pretrained], pictures: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """What every network takes each picture for; -1 where they differ."""
    found = []
    for net in nets:
        with torch.no_grad():
            chances = torch.cat([net.model(shown(net, part)) for part in pictures.split(32)])
        chances = chances.softmax(1)
        found.append(torch.stack([chances[:, list(g)].mean(1) for g in groups], 1).argmax(1))
    same = torch.stack(found)
    return torch.where((same == same[0]).all(0), same[0], -1)


def shown(net: Pretrained, pictures: Tensor) -> Tensor:
    """At the size the network is judged at."""
    large = F.interpolate(pictures, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    return (large - net.preprocess.mean) / net.preprocess.deviation


def painted(encoder: Pretrained, shapes: Tensor, textures: Tensor, *, steps: int) -> Tensor:
    """The one in the texture of the other, from 0 to 1."""
    mean, deviation = encoder.preprocess.mean, encoder.preprocess.deviation
    made = [
        nw.explain.style_transfer(
            encoder.model,
            (one - mean) / deviation,
            styles=(other - mean) / deviation,
            content=CONTENT,
            textures=TEXTURES,
            steps=steps,
        )
        for one, other in zip(shapes.split(4), textures.split(4), strict=True)
    ]
    return (torch.cat(made) * deviation + mean).clamp(0, 1)


def of_cifar(nets: Sequence[Pretrained], encoder: Pretrained, *, n: int, steps: int) -> Conflicts:
    folder = depot.get("cifar10")
    labels = torch.from_numpy(read_idx(folder / "t10k-labels-idx1-ubyte.gz").astype("int64"))[:400]
    raw = torch.from_numpy(read_idx(folder / "t10k-images-idx4-ubyte.gz")[:400].copy())
    raw = raw.permute(0, 3, 1, 2) if raw.shape[-1] == 3 else raw
    names = {label: place for place, label in enumerate(CIFAR)}
    kept = torch.tensor([int(label) in names for label in labels])
    classes = torch.tensor([names[int(label)] for label in labels[kept]])
    pictures = F.interpolate(raw[kept].float() / 255, (64, 64), mode="bicubic").clamp(0, 1)
    right = known(nets, pictures, list(CIFAR.values())) == classes
    print(f"cifar10: {int(right.sum())} of {len(right)} are known to all networks")
    pictures, classes = pictures[right], classes[right]
    draw = torch.Generator().manual_seed(0)
    pairs = torch.randint(len(classes), (20 * n, 2), generator=draw)
    pairs = pairs[classes[pairs[:, 0]] != classes[pairs[:, 1]]][:n]
    one, other = pairs.unbind(1)
    made = painted(encoder, pictures[one], pictures[other], steps=steps)
    groups = list(CIFAR.values())
    return Conflicts("cifar10", pictures, classes, made, classes[one], classes[other], groups)


def of_photographs(encoder: Pretrained, *, steps: int) -> Conflicts:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("The photographs are scikit-image's: pip install scikit-image")
    shots = [square(Path(found.origin).parent / "data" / name) for name in PHOTOGRAPHS]
    pairs = list(itertools.permutations(range(4), 2))
    one, other = (torch.cat([shots[pair[k]] for pair in pairs]) for k in (0, 1))
    made = painted(encoder, one, other, steps=steps)
    shapes, textures = (torch.tensor([pair[k] for pair in pairs]) for k in (0, 1))
    groups = list(PHOTOGRAPHS.values())
    name = "photographs"
    return Conflicts(name, torch.cat(shots), torch.arange(4), made, shapes, textures, groups)


def square(path: Path) -> Tensor:
    """The middle of a photograph, 128×128."""
    with Image.open(path) as opened:
        side = min(opened.size)
        left, top = (opened.width - side) // 2, (opened.height - side) // 2
        cut = opened.convert("RGB").crop((left, top, left + side, top + side)).resize((128, 128))
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1)[None].float() / 255


class Nearest(nn.Module):
    """The class of the original that is nearest by some rows of numbers."""

    def __init__(self, rows: object, found: Conflicts) -> None:
        super().__init__()
        self.rows, self.found = rows, found
        self.known = rows(found.originals)

    def forward(self, pictures: Tensor) -> Tensor:
        """Closeness to the nearest original of each class."""
        gaps = torch.cdist(self.rows(pictures), self.known)
        best = [gaps[:, self.found.classes == k] for k in range(len(self.found.groups))]
        return torch.stack([-gap.amin(1) if gap.numel() else gap.sum(1) - 1e9 for gap in best], 1)


def outlines(pictures: Tensor) -> Tensor:
    """How large the steps of luminance are, smoothed to 16×16, of one length."""
    grey = F.interpolate(pictures.mean(1, keepdim=True), (32, 32), mode="area")
    down, across = grey.diff(dim=2)[..., :-1], grey.diff(dim=3)[..., :-1, :]
    size = F.adaptive_avg_pool2d((down.square() + across.square()).sqrt(), 16).flatten(1)
    return F.normalize(size - size.mean(1, keepdim=True), dim=1)


def products_of(encoder: Pretrained) -> object:
    """Channel products of all texture layers, each of one length."""

    def rows(pictures: Tensor) -> Tensor:
        mean, deviation = encoder.preprocess.mean, encoder.preprocess.deviation
        with torch.no_grad():
            maps = _maps(encoder.model, (pictures - mean) / deviation, TEXTURES)
        parts = [F.normalize(_products(maps[layer]).flatten(1), dim=1) for layer in TEXTURES]
        return torch.cat(parts, 1)

    return rows


def rows_of(found: Conflicts, nets: Sequence[Pretrained], encoder: Pretrained) -> list[dict]:
    asked = {"shapes": found.shapes, "textures": found.textures}
    told = {
        net.name: nw.explain.texture_or_shape(
            net.model, shown(net, found.pictures), groups=found.groups, **asked
        )
        for net in nets
    }
    controls = {"control: products": products_of(encoder), "control: outlines": outlines}
    for name, rows in controls.items():
        told[name] = nw.explain.texture_or_shape(Nearest(rows, found), found.pictures, **asked)
    return [
        {
            "pictures": found.name,
            "judge": name,
            "shape": f"{one.shape.value:.3f}",
            "low": f"{one.shape.low:.3f}",
            "high": f"{one.shape.high:.3f}",
            "for_shape": one.for_shape,
            "for_texture": one.for_texture,
            "for_neither": one.for_neither,
            "floor": "0.5",
        }
        for name, one in told.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few and coarse; nothing is written")
    parser.add_argument("--save", type=Path, help="a folder for the painted pictures")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    nets, encoder = [pretrained(name) for name in NETWORKS], pretrained("vgg16-features")
    steps = 5 if asked.quick else 50
    sets = [of_cifar(nets, encoder, n=8 if asked.quick else 48, steps=steps)]
    if not asked.quick:
        sets.append(of_photographs(encoder, steps=steps))
    rows = []
    for found in sets:
        rows += rows_of(found, nets, encoder)
        if asked.save:
            asked.save.mkdir(parents=True, exist_ok=True)
            sheet = torch.cat(list(found.pictures[:24]), 2)
            image = (sheet.permute(1, 2, 0) * 255).byte().numpy()
            Image.fromarray(image).save(asked.save / f"{found.name}.png")
    for row in rows:
        print(" ".join(f"{value!s:>18}" for value in row.values()))
    if not asked.quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(write_rows("texture_or_shape", [row | around for row in rows]))


if __name__ == "__main__":
    main()
