"""From numbers for every input to one map a picture."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from netwright._errors import must_be

__all__ = ["enlarged", "over_colours"]


def over_colours(values: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """The largest over the colours of each pixel; what is no picture stays as it is.

    Args:
        values: (n, c, h, w) for pictures, anything else (n, ...).
    """
    return values.amax(1) if values.ndim == 4 else values


def enlarged(
    values: Float[Tensor, "n h w"], size: tuple[int, int]
) -> Float[Tensor, "n height width"]:
    """Maps of a layer at another size, bilinear between the centres of their places.

    Args:
        values: (n, h, w).
        size: (height, width) in pixels; their own changes nothing.

    Raises:
        BadValue: a size without pixels.
    """
    if len(size) != 2 or any(not isinstance(side, int) or side < 1 for side in size):
        raise must_be("size", "(height, width), each at least 1", tuple(size))
    return interpolate(values.unsqueeze(1), size=tuple(size), mode="bilinear").squeeze(1)
