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
    ),
)

DEFAULT_FOR_PICTURES: tuple[Mapping[str, Any], ...] = ({"name": "shift", "fraction": 0.08},)
"""What is done when nothing is asked for: nothing that can make another class of a picture."""
