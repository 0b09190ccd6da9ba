"""What kind of change each augmentation is, and so what becomes of the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netwright.data.augment.affine import affine, affine_warp
from netwright.data.augment.brightness_contrast import brightness_contrast
from netwright.data.augment.cutmix import cutmix
from netwright.data.augment.cutout import cutout
from netwright.data.augment.elastic import elastic, elastic_warp
from netwright.data.augment.flip import flip, flip_move
from netwright.data.augment.flip_vertical import flip_vertical, upending
from netwright.data.augment.geometry import Geometry
from netwright.data.augment.mixup import mixup
from netwright.data.augment.move import Move
from netwright.data.augment.random_crop import crop_move, random_crop
from netwright.data.augment.random_resized_crop import random_resized_crop, resized_part
from netwright.data.augment.rotate_scale import rotate_scale, turning
from netwright.data.augment.saturation_hue import saturation_hue
from netwright.data.augment.shift import shift, shift_move
from netwright.data.augment.warp import Warp

__all__ = ["GEOMETRIES", "IN_PLACE", "MIXTURES", "MOVES", "WARPS"]

MOVES: Mapping[Any, Callable[..., Move]] = {
    flip: flip_move,
    random_crop: crop_move,
    shift: shift_move,
}
"""Augmentations that only move pixels: several in a row are carried out as one."""

WARPS: Mapping[Any, Callable[..., Warp]] = {
    affine: affine_warp,
    elastic: elastic_warp,
    rotate_scale: turning,
}
"""Augmentations that read between the pixels: straight ones in a row, and one that bends behind
them, are read once, so that the picture stays sharper and nothing is lost between two of them."""

GEOMETRIES: Mapping[Any, Callable[..., Geometry]] = {
    **MOVES,
    **WARPS,
    flip_vertical: upending,
    random_resized_crop: resized_part,
}
"""Augmentations that say where each pixel goes: targets that lie in the picture follow."""

IN_PLACE = (brightness_contrast, cutout, saturation_hue)
"""Augmentations that leave every pixel where it is, and targets as they are."""

MIXTURES = (mixup, cutmix)
"""Augmentations of two examples at a time, targets and all."""
