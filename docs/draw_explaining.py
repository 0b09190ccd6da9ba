"""Draws docs/images/explaining-*.png: what networks of photographs look at.

pip download --no-deps scikit-image, unpack the wheel; `netwright data get` the four networks.

python docs/draw_explaining.py FOLDER/skimage/data
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

import netwright as nw
from netwright.data.decode import decode
from netwright.explain.overlay import as_picture
from netwright.explain.panels import panel
from netwright.explain.sheet import Cell, sheet
from netwright.workflow.pretrained import Pretrained, pretrained

IMAGES = Path(__file__).with_name("images")
PHOTOGRAPHS = ("chelsea.png", "coffee.png", "camera.png", "rocket.jpg")
FEW = ("saliency", "guided-backprop", "grad-cam", "guided-grad-cam", "occlusion")
COLOURS = 128
UNITS = {"5": 6, "14": 20, "26": 40}  # a convolution of VGG-16's features → one of its units


def main(folder: Path) -> None:
    """All of them."""
    torch.manual_seed(0)
    known = pretrained("resnet18")
    whole = photographs(known, folder, PHOTOGRAPHS)
    keep("resnet18", of(known, whole, methods=None), width=1200)
    for name in ("resnet50", "mobilenet-v2"):
        known = pretrained(name)
        few = photographs(known, folder, PHOTOGRAPHS[:2])
        keep(name, of(known, few, methods=FEW), width=900)
    keep("vgg16", units(pretrained("vgg16-features"), folder), width=900)


def photographs(known: Pretrained, folder: Path, names: tuple[str, ...]) -> Tensor:
    """As they are shown, from 0 to 1."""
    raw = [decode(folder / name, channels=3)[None] for name in names]
    return torch.cat([known.preprocess.fitted(one) for one in raw])


def of(known: Pretrained, shown: Tensor, *, methods: tuple[str, ...] | None) -> Image.Image:
    """A row a photograph."""
    return panel(
        known.model,
        known.preprocess(shown),
        methods=methods,
        pictures=shown,
        names=known.class_names,
        columns=7,
    )


def units(known: Pretrained, folder: Path) -> Image.Image:
    """Single units of three depths: what each answers to, where, and what it likes best."""
    shown = photographs(known, folder, PHOTOGRAPHS[:1])
    inputs = known.preprocess(shown)
    rows = []
    for place, unit in UNITS.items():
        part: nn.Module = known.model[: int(place) + 2]  # with its rectifier
        answer = part(inputs)[0, unit].detach()

        def strongest(output: Tensor, unit: int = unit) -> Tensor:
            return output[:, unit].amax((1, 2))

        traced = nw.explain.deconvnet(part, inputs, target=strongest)[0]
        liked = nw.explain.activation_maximisation(part, unit=unit, size=(96, 96))
        rows.append([
            Cell(title=f"layer {place}, unit {unit}", image=as_picture(shown[0], side=160)),
            Cell(title="feature map", image=as_picture(scaled(answer)[None], side=160)),
            Cell(title="deconvnet", image=as_picture(scaled(traced), side=160)),
            Cell(title="activation maximisation", image=as_picture(scaled(liked), side=160)),
        ])  # fmt: skip
    return sheet(rows, columns=4)


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
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
