"""Draws docs/images/augmentations.png: what each augmentation makes of a real picture.

    python docs/make_augmentations.py

The flower is scikit-learn's sample picture; its mask is told by colour, its box by the mask, and
both are drawn after they have followed the picture.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from netwright.data.augment.catalogue import AUGMENTATIONS
from netwright.data.augment.compose import Augment
from netwright.data.batch import Batch

PAGE = Path(__file__).resolve().parent / "images" / "augmentations.png"
SIDE, EPOCHS = 144, 3
SHOWN: dict[str, dict[str, Any]] = {
    "shift": {"fraction": 0.2},
    "random-crop": {"padding": 24},
    "rotate-scale": {"degrees": 30, "scale": 0.2},
    "affine": {"degrees": 20, "shear": 25, "shift": 0.1},
    "cutout": {"fraction": 0.4},
    "brightness-contrast": {"brightness": 0.4, "contrast": 0.4},
    "saturation-hue": {"saturation": 0.5, "hue": 0.15},
    "mixup": {"alpha": 2.0},
}


def picture(name: str) -> Tensor:
    """(3, SIDE, SIDE) bytes of a sample picture."""
    from sklearn.datasets import load_sample_image

    whole = torch.from_numpy(load_sample_image(f"{name}.jpg").copy()).permute(2, 0, 1)
    height = whole.shape[-2]
    first = 60 if name == "flower" else 100
    square = whole[None, :, :, first : first + height]
    return F.interpolate(square, (SIDE, SIDE), mode="bilinear", antialias=True)[0]


def target(mask: Tensor, label: int) -> dict[str, Tensor]:
    """One object, as torchvision's detectors are told of it."""
    rows, columns = mask.nonzero().unbind(1)
    box = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return {
        "boxes": box[None].float(),
        "labels": torch.tensor([label]),
        "masks": mask[None].to(torch.uint8),
    }


def flower_mask(flower: Tensor) -> Tensor:
    """Red above green and blue, as nothing of the background is."""
    red, green, blue = flower.float()
    return (red > 1.25 * green) & (red > 1.1 * blue) & (red > 70)


def samples() -> Batch:
    """The flower three times, and a temple to mix it with, which nobody marked."""
    flower, temple = picture("flower"), picture("china")
    marked = target(flower_mask(flower), 1)
    nothing = {name: value[:0] for name, value in marked.items()}
    pictures = torch.stack([flower] * EPOCHS + [temple])
    return Batch(pictures, [marked] * EPOCHS + [nothing], torch.arange(EPOCHS + 1))


def main() -> None:
    """Three epochs of each."""
    import matplotlib
    from PIL import Image

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.patches import Rectangle

    batch, names = samples(), list(AUGMENTATIONS.names())
    figure, axes = pyplot.subplots(
        len(names) // 2 + len(names) % 2, 2 * EPOCHS, figsize=(9.6, 0.5 + 1.72 * (len(names) // 2))
    )
    for axis in axes.flat:
        axis.axis("off")
    for place, name in enumerate(names):
        row, side = divmod(place, 2)
        augment = Augment([{"name": name, **SHOWN.get(name, {})}], seed=4)
        for epoch in range(EPOCHS):
            marked = [batch.targets[epoch], batch.targets[-1]]
            two = Batch(batch.inputs[[epoch, -1]], marked, batch.index[[epoch, -1]])
            seen = augment.batch(two, epoch=epoch)
            axis = axes[row, side * EPOCHS + epoch]
            axis.imshow(seen.inputs[0].permute(1, 2, 0).numpy())
            for mask in seen.targets[0]["masks"]:
                axis.contour(mask.numpy(), levels=[0.5], colors="white", linewidths=0.5)
            for left, top, right, bottom in seen.targets[0]["boxes"].tolist():
                axis.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top,
                                         fill=False, edgecolor="yellow"))  # fmt: skip
            if epoch == 0:
                axis.set_title(name, fontsize=9, loc="left")
    figure.tight_layout(pad=0.4)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("RGB").quantize(128).save(PAGE, optimize=True)


if __name__ == "__main__":
    main()
