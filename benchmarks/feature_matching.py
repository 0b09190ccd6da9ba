"""Do places that look alike to a layer show the same point?

Share of matches within 8 pixels of the truth, on two kinds of pairs whose truth is known: the
stereo pair of a motorcycle that scikit-image brings (measured disparities, at 370×250), and its
left picture, a cat and a rocket beside themselves turned by 25° and enlarged by 1.3. Layers of
ResNet-18 and VGG-16 with ImageNet's weights beside patches of pixels of 16 and 32 a side, matched
in the same way, and beside chance: the same places of the one, paired with the other's at random.

`netwright data get resnet18 vgg16-features` and `pip install scikit-image` bring what it reads.

    python benchmarks/feature_matching.py           # ~1 minute
    python benchmarks/feature_matching.py --quick   # ResNet-18 on the stereo pair; not written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import importlib.util
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import netwright as nw
from _rows import surroundings, write_rows
from netwright._statistics import wilson
from netwright.workflow.pretrained import pretrained

NEAR = 8.0
ANGLE, SCALE = math.radians(25), 1.3

Truth = Callable[[Tensor], Tensor]  # from x and y in the one picture to those in the other


def folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("The photographs are scikit-image's: pip install scikit-image")
    return Path(found.origin).parent / "data"


def half(name: str) -> Tensor:
    with Image.open(folder() / name) as opened:
        size = (opened.width // 2, opened.height // 2)
        values = np.array(opened.convert("RGB").resize(size, Image.Resampling.BOX))
    return torch.from_numpy(values).permute(2, 0, 1)[None].float() / 255


def stereo() -> tuple[Tensor, Tensor, Truth]:
    """The truth is NaN where the disparity was not measured."""
    with np.load(folder() / "motorcycle_disp.npz") as kept:
        disparity = torch.from_numpy(kept["arr_0"]).double()

    def truth(places: Tensor) -> Tensor:
        x, y = (2 * places + 0.5).round().long().unbind(1)
        gap = disparity[y.clamp(0, len(disparity) - 1), x.clamp(0, disparity.shape[1] - 1)] / 2
        gap = torch.where(gap.isfinite(), gap, torch.nan)
        return torch.stack([places[:, 0] - gap, places[:, 1]], dim=1)

    return half("motorcycle_left.png"), half("motorcycle_right.png"), truth


def turned(picture: Tensor) -> tuple[Tensor, Tensor, Truth]:
    """The picture, itself turned and enlarged about its middle, and where each place went."""
    middle = torch.tensor([picture.shape[3] - 1, picture.shape[2] - 1]).double() / 2
    turn = torch.tensor(
        [[math.cos(ANGLE), -math.sin(ANGLE)], [math.sin(ANGLE), math.cos(ANGLE)]]
    ).double()
    down, across = torch.meshgrid(
        *(torch.arange(side).double() for side in picture.shape[2:]), indexing="ij"
    )
    there = torch.stack([across, down], dim=2) - middle
    here = there @ torch.linalg.inv(SCALE * turn).T + middle
    grid = 2 * here / (2 * middle) - 1
    other = F.grid_sample(picture, grid[None].float(), align_corners=True)

    def truth(places: Tensor) -> Tensor:
        moved = (places - middle) @ (SCALE * turn).T + middle
        inside = ((moved >= 0) & (moved <= 2 * middle)).all(1, keepdim=True)
        return torch.where(inside, moved, torch.nan)

    return picture, other, truth


def patches(side: int) -> nn.Sequential:
    """Every 8 pixels the pixels of a patch, as they are."""
    layer = nn.Conv2d(3, 3 * side * side, side, stride=8, bias=False)
    layer.weight.data = torch.eye(3 * side * side).view(-1, 3, side, side)
    return nn.Sequential(layer)


def judged(found: nw.explain.Matches, truth: Truth) -> Iterator[tuple[str, int, int]]:
    """Hits and matches with a known truth, and what chance gives."""
    aims = truth(found.first)
    known = aims.isfinite().all(1)
    order = torch.randperm(len(aims), generator=torch.Generator().manual_seed(0))
    for word, second in (("", found.second), ("chance", found.second[order])):
        near = (second - aims)[known].norm(dim=1) <= NEAR
        yield word, int(near.sum()), len(near)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one network, one pair; not written")
    parser.add_argument("--save", type=Path, help="a folder for drawings")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    judges = [("pixels", patches(16), "0"), ("pixels", patches(32), "0")]
    shallow, deep = pretrained("resnet18"), pretrained("vgg16-features")
    judges += [("resnet18", shallow.model, layer) for layer in ("layer1", "layer2", "layer3")]
    judges += [("vgg16-features", deep.model, layer) for layer in ("15", "22")]
    pairs = {"stereo": stereo()}
    if asked.quick:
        judges = judges[2:5]
    else:
        names = ("motorcycle_left.png", "chelsea.png", "rocket.jpg")
        pairs |= {f"turned {name}": turned(half(name)) for name in names}
    rows = []
    for pair, (one, other, truth) in pairs.items():
        for name, model, layer in judges:
            mean, deviation = shallow.preprocess.mean, shallow.preprocess.deviation
            (found,) = nw.explain.feature_matching(
                model, (one - mean) / deviation, other=(other - mean) / deviation, layer=layer
            )
            label = f"{name} {layer}" if name != "pixels" else f"pixels {model[0].kernel_size[0]}"
            for word, hits, n in judged(found, truth):
                share = wilson(hits, n) if n else None
                rows.append(
                    {
                        "pair": pair,
                        "features": f"{label} {word}".strip(),
                        "matches": n,
                        "within": f"{share.value:.3f}" if share else "",
                        "low": f"{share.low:.3f}" if share else "",
                        "high": f"{share.high:.3f}" if share else "",
                    }
                )
                print(" ".join(f"{value!s:>26}" for value in rows[-1].values()), flush=True)
            if asked.save:
                asked.save.mkdir(parents=True, exist_ok=True)
                drawn = nw.explain.drawn_matches(found, first=one[0], second=other[0])
                drawn.save(asked.save / f"{pair} {label}.png".replace(" ", "-"))
    if not asked.quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(write_rows("feature_matching", [row | around for row in rows]))


if __name__ == "__main__":
    main()
