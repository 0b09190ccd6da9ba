"""Keywords of the augmentations of batched pictures."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from netwright.data.augment.brightness_contrast import brightness_contrast
from netwright.data.augment.cutout import cutout
from netwright.data.augment.draws import Draws, uniform
from netwright.data.augment.flip import flip, flip_move
from netwright.data.augment.move import Framed, Movable
from netwright.data.augment.random_crop import crop_move, random_crop
from netwright.data.augment.random_resized_crop import boxes, random_resized_crop
from netwright.data.augment.rotate_scale import rotate_scale
from netwright.data.augment.shift import shift, shift_move, translate

PICTURES = torch.arange(6 * 3 * 20 * 20).remainder(251).reshape(6, 3, 20, 20).float() / 250
DRAWS = Draws(index=torch.arange(6), seed=0, epoch=0)
MOVES = torch.tensor([0, 1, 2, 3, 4, 5])


def warped(augment: Any) -> Any:
    return lambda _, **keyword: augment(PICTURES, DRAWS, **keyword)


def planned(plan: Any) -> Any:
    return lambda _, **keyword: plan((20, 20), DRAWS, **keyword)


CASES = {
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
