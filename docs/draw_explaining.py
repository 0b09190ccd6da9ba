"""Draws docs/images/explaining-*.png: what networks of photographs look at.

pip download --no-deps scikit-image, unpack the wheel; `netwright data get` the four networks.

python docs/draw_explaining.py FOLDER/skimage/data
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import netwright as nw
from netwright.data.decode import decode
from netwright.explain.activation_maximisation import value_range
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.drawing.overlay import as_picture
from netwright.explain.drawing.panels import panel
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.workflow.pretrained import Pretrained, pretrained

IMAGES = Path(__file__).with_name("images")
PHOTOGRAPHS = ("chelsea.png", "coffee.png", "camera.png", "rocket.jpg")
LEFT_OUT = ("gradient", "random-map", "attention-rollout")  # as saliency; noise; not of these
FEW = ("saliency", "guided-backprop", "integrated-gradients", "grad-cam", "occlusion")
COLOURS = 64
LAYERS = ("8", "15", "22")  # rectifiers of VGG-16's features, behind its second to fourth stage
SIDE = 200


def main(folder: Path) -> None:
    """All of them."""
    torch.manual_seed(0)
    known = pretrained("resnet18")
    every = tuple(
        entry.name
        for entry in CATALOGUE
        if entry.facts.get("gives") == "map" and entry.name not in LEFT_OUT
    )
    for part, names in (("resnet18", PHOTOGRAPHS[:2]), ("resnet18-more", PHOTOGRAPHS[2:])):
        keep(part, of(known, photographs(known, folder, names), methods=every), width=900)
    for name in ("resnet50", "mobilenet-v2"):
        known = pretrained(name)
        few = photographs(known, folder, PHOTOGRAPHS[:2])
        keep(name, of(known, few, methods=FEW), width=900)
    keep("vgg16", units(pretrained("vgg16-features"), folder), width=900)


def photographs(known: Pretrained, folder: Path, names: tuple[str, ...]) -> Tensor:
    """As they are shown, from 0 to 1."""
    raw = [decode(folder / name, channels=3)[None] for name in names]
    return torch.cat([known.preprocess.fitted(one) for one in raw])


def of(known: Pretrained, shown: Tensor, *, methods: tuple[str, ...]) -> Image.Image:
    """A row a photograph."""
    return panel(
        known.model,
        known.preprocess(shown),
        methods=methods,
        pictures=shown,
        names=known.class_names,
        columns=5,
    )


def units(known: Pretrained, folder: Path) -> Image.Image:
    """The unit of each depth that answers most: where, to what, and what it likes best."""
    shown = photographs(known, folder, PHOTOGRAPHS[:1])
    inputs = known.preprocess(shown)
    limits = value_range(
        mean=known.preprocess.mean.flatten().tolist(),
        std=known.preprocess.deviation.flatten().tolist(),
    )
    rows = []
    for layer in LAYERS:
        strongest = nw.explain.feature_maps(known.model, inputs, layer=layer, most=1)
        unit = int(strongest.channels[0, 0])
        traced = nw.explain.deconvnet(known.model, inputs, layer=layer, unit=unit)[0]
        liked = nw.explain.activation_maximisation(
            known.model[: int(layer)],  # before the rectifier, which may be shut
            [1, 3, 96, 96],
            target=partial(middle, unit=unit),
            steps=64,
            jitter=4,
            frequency_prior=1.0,
            limits=limits,
        )
        seen = known.preprocess.seen(liked)[0]
        patch = reached(traced)
        found = {
            f"layer {layer}, unit {unit}": F.interpolate(strongest.maps, shown.shape[2:])[0],
            "there in the picture": shown[0][:, *patch],
            "deconvnet": traced[:, *patch],
            "activation maximisation": seen,
        }
        rows.append(
            [Cell(title=title, image=square(scaled(picture))) for title, picture in found.items()]
        )
    return sheet(rows, columns=4)


def middle(maps: Tensor, *, unit: int) -> Tensor:
    """What a unit answers in the middle of the picture."""
    return maps[:, unit, maps.shape[2] // 2, maps.shape[3] // 2]


def reached(traced: Tensor) -> tuple[slice, slice]:
    """Where a projection is not 0."""
    there = traced.abs().amax(0) > 0
    ends = (there.any(1).nonzero()[[0, -1], 0], there.any(0).nonzero()[[0, -1], 0])
    rows, columns = (slice(int(first), int(last) + 1) for first, last in ends)
    return rows, columns


def square(picture: Tensor) -> Image.Image:
    """All of one size, whatever their pixels are."""
    return as_picture(picture, side=SIDE).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def scaled(values: Tensor) -> Tensor:
    """To between 0 and 1."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low).clamp_min(1e-12)


def keep(name: str, image: Image.Image, *, width: int) -> None:
    """Small enough for a repository."""
    height = round(image.height * width / image.width)
    small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    path = IMAGES / f"explaining-{name}.png"
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
