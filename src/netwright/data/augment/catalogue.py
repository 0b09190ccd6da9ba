"""Augmentations by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright._catalogue import Catalogue, Entry

__all__ = ["AUGMENTATIONS", "DEFAULT_FOR_PICTURES"]

_ROOM = "netwright.data.augment"

AUGMENTATIONS = Catalogue(
    "augmentation",
    (
        Entry(
            name="shift",
            target=f"{_ROOM}.shift:shift",
            summary="moved by whole pixels",
        ),
        Entry(
            name="random-crop",
            target=f"{_ROOM}.random_crop:random_crop",
            summary="a frame put around and cut back to size at a random place",
        ),
        Entry(
            name="random-resized-crop",
            target=f"{_ROOM}.random_resized_crop:random_resized_crop",
            summary="a part of its own size and proportions, brought to the size of all",
            paper="Going deeper with convolutions, 2015, https://arxiv.org/abs/1409.4842",
        ),
        Entry(
            name="flip",
            target=f"{_ROOM}.flip:flip",
            summary="left and right exchanged; wrong for anything that reads in a direction",
        ),
        Entry(
            name="rotate-scale",
            target=f"{_ROOM}.rotate_scale:rotate_scale",
            summary="turned and zoomed a little",
        ),
        Entry(
            name="flip-vertical",
            target=f"{_ROOM}.flip_vertical:flip_vertical",
            summary="above and below exchanged; for what has no upright",
        ),
        Entry(
            name="affine",
            target=f"{_ROOM}.affine:affine",
            summary="slanted, turned, zoomed and moved at once",
        ),
        Entry(
            name="elastic",
            target=f"{_ROOM}.elastic:elastic",
            summary="bent by a smooth random field",
            paper="Best practices for convolutional neural networks applied to visual document "
            "analysis, 2003, https://doi.org/10.1109/ICDAR.2003.1227801",
        ),
        Entry(
            name="cutout",
            target=f"{_ROOM}.cutout:cutout",
            summary="a square taken out",
            paper="Improved regularization of convolutional neural networks with cutout, 2017, "
            "https://arxiv.org/abs/1708.04552",
        ),
        Entry(
            name="brightness-contrast",
            target=f"{_ROOM}.brightness_contrast:brightness_contrast",
            summary="another light",
        ),
        Entry(
            name="saturation-hue",
            target=f"{_ROOM}.saturation_hue:saturation_hue",
            summary="other colours; greys stay",
        ),
        Entry(
            name="mixup",
            target=f"{_ROOM}.mixup:mixup",
            summary="blended with another example, targets too",
            paper="mixup: Beyond empirical risk minimization, 2018, "
            "https://arxiv.org/abs/1710.09412",
        ),
        Entry(
            name="cutmix",
            target=f"{_ROOM}.cutmix:cutmix",
            summary="with a piece of another picture, targets by its area",
            paper="CutMix: Regularization strategy to train strong classifiers with localizable "
            "features, 2019, https://arxiv.org/abs/1905.04899",
        ),
    ),
)

DEFAULT_FOR_PICTURES: tuple[Mapping[str, Any], ...] = ({"name": "shift", "fraction": 0.08},)
"""What is done when nothing is asked for: nothing that can make another class of a picture."""
