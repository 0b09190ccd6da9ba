"""Keywords of the augmentations of batched pictures."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from netwright.data.augment.affine import affine, affine_warp
from netwright.data.augment.brightness_contrast import brightness_contrast
from netwright.data.augment.compose import Augment
from netwright.data.augment.cutmix import cutmix
from netwright.data.augment.cutout import cutout
from netwright.data.augment.draws import Draws, uniform
from netwright.data.augment.elastic import elastic, elastic_warp
from netwright.data.augment.flip import flip, flip_move
from netwright.data.augment.flip_vertical import flip_vertical, upending
from netwright.data.augment.follow import follow
from netwright.data.augment.mixup import mixup
from netwright.data.augment.move import Framed, Movable
from netwright.data.augment.random_crop import crop_move, random_crop
from netwright.data.augment.random_resized_crop import (
    boxes,
    random_resized_crop,
    resized_part,
)
from netwright.data.augment.rotate_scale import rotate_scale, turning
from netwright.data.augment.saturation_hue import saturation_hue
from netwright.data.augment.shift import shift, shift_move, translate
from netwright.data.augment.warp import Warp, straight
from netwright.data.batch import Batch

PICTURES = torch.arange(6 * 3 * 20 * 20).remainder(251).reshape(6, 3, 20, 20).float() / 250
DRAWS = Draws(index=torch.arange(6), seed=0, epoch=0)
MOVES = torch.tensor([0, 1, 2, 3, 4, 5])


def warped(augment: Any) -> Any:
    return lambda _, **keyword: augment(PICTURES, DRAWS, **keyword)


def planned(plan: Any) -> Any:
    return lambda _, **keyword: plan((20, 20), DRAWS, **keyword)


MASKS = torch.arange(6 * 20 * 20).reshape(6, 20, 20)
ANGLES = torch.linspace(0, 1, 6)
RIGHT = Warp(back=torch.tensor([[[1.0, 0, -1], [0, 1, 0]]]).repeat(6, 1, 1), fill=0.0)


def augmented(_: Any, **keyword: Any) -> Any:
    """Masks that something comes into, and classes that are blended."""
    cut = Augment([{"name": "shift", "fill": 0.0}], seed=0, **keyword)
    blended = Augment([{"name": "mixup"}], seed=0, **keyword)
    classes = Batch(PICTURES, MOVES % 3, MOVES)
    return (
        cut.batch(Batch(PICTURES, MASKS, MOVES), epoch=0).targets,
        blended.batch(classes, epoch=0).targets,
    )


CASES = {
    "netwright.data.augment.affine:affine": Case(
        warped(affine),
        {"degrees": 40.0, "scale": 0.4, "shear": 30.0, "shift": 0.3, "fill": 0.5},
    ),
    "netwright.data.augment.affine:affine_warp": Case(
        planned(affine_warp),
        {"degrees": 40.0, "scale": 0.4, "shear": 30.0, "shift": 0.3, "fill": 0.5},
    ),
    "netwright.data.augment.compose:Augment": Case(augmented, {"num_classes": 3, "mask_fill": 9}),
    "netwright.data.augment.cutmix:cutmix": Case(
        planned(cutmix), {"alpha": 0.3, "probability": 0.2}
    ),
    "netwright.data.augment.elastic:elastic": Case(
        warped(elastic), {"amount": 0.02, "smoothness": 0.3, "fill": 0.5}
    ),
    "netwright.data.augment.elastic:elastic_warp": Case(
        planned(elastic_warp), {"amount": 0.02, "smoothness": 0.3, "fill": 0.5}
    ),
    "netwright.data.augment.flip_vertical:flip_vertical": Case(
        warped(flip_vertical), {"probability": 1.0}
    ),
    "netwright.data.augment.flip_vertical:upending": Case(planned(upending), {"probability": 1.0}),
    "netwright.data.augment.follow:follow": Case(
        lambda _, **keyword: follow(MASKS, RIGHT, size=(20, 20), **keyword), {"fill": 9}
    ),
    "netwright.data.augment.mixup:mixup": Case(planned(mixup), {"alpha": 0.9, "probability": 0.2}),
    "netwright.data.augment.random_resized_crop:resized_part": Case(
        planned(resized_part), {"scale": (0.1, 0.2), "ratio": (0.3, 0.4)}
    ),
    "netwright.data.augment.rotate_scale:turning": Case(
        planned(turning), {"degrees": 45.0, "scale": 0.5}
    ),
    "netwright.data.augment.saturation_hue:saturation_hue": Case(
        warped(saturation_hue), {"saturation": 0.5, "hue": 0.3}
    ),
    "netwright.data.augment.warp:straight": Case(
        lambda _, **keyword: straight((20, 20), radians=ANGLES, zoom=ANGLES + 1, **keyword),
        {"slant": ANGLES, "move": ANGLES[:, None].expand(6, 2), "fill": 0.5},
    ),
    "netwright.data.augment.brightness_contrast:brightness_contrast": Case(
        warped(brightness_contrast), {"brightness": 0.5, "contrast": 0.5}
    ),
    "netwright.data.augment.cutout:cutout": Case(warped(cutout), {"fraction": 0.2, "fill": 0.5}),
    "netwright.data.augment.draws:uniform": Case(
        lambda _, **keyword: uniform(MOVES, seed=0, epoch=0, **keyword), {"name": "another"}
    ),
    "netwright.data.augment.flip:flip": Case(warped(flip), {"probability": 1.0}),
    "netwright.data.augment.flip:flip_move": Case(planned(flip_move), {"probability": 1.0}),
    "netwright.data.augment.move:Movable": Case(
        lambda _, **keyword: Movable(PICTURES, **keyword).rows, {"mirrored": PICTURES.flip(-1)}
    ),
    "netwright.data.augment.move:Framed": Case(
        lambda _, **keyword: Framed(PICTURES, frame=(1, 1), border="edge", **keyword).rows,
        {"mirrored": PICTURES.flip(-1)},
    ),
    "netwright.data.augment.random_crop:random_crop": Case(
        warped(random_crop), {"padding": 2, "border": "edge"}
    ),
    "netwright.data.augment.random_crop:crop_move": Case(
        planned(crop_move), {"padding": 2, "border": "edge"}
    ),
    "netwright.data.augment.shift:shift_move": Case(
        planned(shift_move), {"fraction": 0.4, "fill": 0.5}
    ),
    "netwright.data.augment.random_resized_crop:boxes": Case(
        lambda _, **keyword: boxes(torch.full((6, 2), 50), DRAWS, **keyword),
        {"scale": (0.1, 0.2), "ratio": (0.3, 0.4)},
    ),
    "netwright.data.augment.random_resized_crop:random_resized_crop": Case(
        warped(random_resized_crop), {"scale": (0.1, 0.2), "ratio": (0.3, 0.4)}
    ),
    "netwright.data.augment.rotate_scale:rotate_scale": Case(
        warped(rotate_scale), {"degrees": 45.0, "scale": 0.5}
    ),
    "netwright.data.augment.shift:shift": Case(warped(shift), {"fraction": 0.4, "fill": 0.5}),
    "netwright.data.augment.shift:translate": Case(
        lambda _, **keyword: translate(PICTURES, down=MOVES, right=MOVES, **keyword), {"fill": 0.5}
    ),
}
EXEMPT: dict[str, str] = {}
