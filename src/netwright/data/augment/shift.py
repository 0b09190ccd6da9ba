"""Pictures moved by whole pixels."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.move import Move, moved

__all__ = ["shift", "shift_move", "translate"]


def shift(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    fraction: float = 0.08,
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Move each picture by up to `fraction` of its height and of its width, in whole pixels.

    When to use it: nearly always; where a thing is seldom decides what it is.

    Args:
        pictures: of any type.
        draws: their random numbers.
        fraction: from 0 to 1.
        fill: value of what comes in at the border; None repeats the edge.
    """
    return moved(pictures, shift_move(pictures.shape[-2:], draws, fraction=fraction, fill=fill))


def shift_move(
    size: Sequence[int], draws: Draws, *, fraction: float = 0.08, fill: float | None = None
) -> Move:
    """What `shift` does to pictures of `size`."""
    if not 0 <= fraction <= 1:
        raise must_be("fraction", "from 0 to 1, a share of the picture's size", fraction)
    reach = round(fraction * size[0]), round(fraction * size[1])
    return Move(
        down=draws.integer("down", most=reach[0]),
        right=draws.integer("right", most=reach[1]),
        reach=reach,
        border="edge" if fill is None else fill,
    )


def translate(
    pictures: Shaped[Tensor, "n c h w"],
    *,
    down: Int[Tensor, "n"],
    right: Int[Tensor, "n"],
    fill: float | None = None,
) -> Shaped[Tensor, "n c h w"]:
    """Move each picture by its own number of pixels; see `shift`."""
    reach = int(down.abs().max()), int(right.abs().max())
    border = "edge" if fill is None else fill
    return moved(pictures, Move(down=down, right=right, reach=reach, border=border))
