"""The pixels of a map, in the order of what it says of them."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import BadType, must_be
from netwright._random import generator

__all__ = ["ordered", "places"]


def places(maps: Float[Tensor, "n ..."], inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n p"]:
    """One number for each pixel of a picture, or each column of a row.

    Args:
        maps: of the inputs' shape, and then summed over the colours, as contributions add up; or
            (n, h, w), one number a pixel.
        inputs: (n, c, h, w) pictures, or rows (n, d).

    Raises:
        BadType: maps that are no tensor of real numbers.
        BadValue: maps of another size, or not finite.
    """
    if not isinstance(maps, Tensor) or not maps.is_floating_point():
        shown = maps.dtype if isinstance(maps, Tensor) else type(maps).__name__
        raise must_be("maps", "a tensor of real numbers", shown, error=BadType)
    colours = maps.shape == inputs.shape and inputs.ndim > 2
    size = maps.shape if maps.shape == inputs.shape else (len(inputs), *inputs.shape[2:])
    if maps.shape != size:
        wanted = f"of the inputs' shape {tuple(inputs.shape)}, or {tuple(size)}"
        fix = "torch.nn.functional.interpolate enlarges a coarse map."
        raise must_be("maps", wanted, tuple(maps.shape), fix)
    found = (maps.sum(1) if colours else maps).detach().flatten(1)
    if not found.isfinite().all():
        wrong = (~found.isfinite()).any(1).nonzero().flatten().tolist()
        raise must_be("maps", "finite", f"NaN or infinity in picture {wrong[0]}")
    return found


def ordered(values: Float[Tensor, "p"], *, seed: int = 0) -> Int[Tensor, "p"]:
    """Places from the highest number to the lowest; equal ones in an order drawn by the seed.

    By position, a map with many equal numbers would begin at the top of every picture.

    Args:
        values: one a place.
        seed: of the draw, the same for every picture of that many places.
    """
    drawn = torch.randperm(len(values), generator=generator(seed, "ties")).to(values.device)
    return drawn[values[drawn].argsort(descending=True, stable=True)]
