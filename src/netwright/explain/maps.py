"""From numbers for every input to one map a picture."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["over_colours"]


def over_colours(values: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """The largest over the colours of each pixel; what is no picture stays as it is.

    Args:
        values: (n, c, h, w) for pictures, anything else (n, ...).
    """
    return values.amax(1) if values.ndim == 4 else values
