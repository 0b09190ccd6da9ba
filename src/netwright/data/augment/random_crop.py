"""Pictures with a frame around them, cut back to their size at a random place."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.move import Move, border_of, moved

__all__ = ["crop_move", "random_crop"]


def random_crop(
    pictures: Shaped[Tensor, "n c h w"],
    draws: Draws,
    *,
    padding: int = 4,
    border: float | str = 0.0,
) -> Shaped[Tensor, "n c h w"]:
    """Put a frame of `padding` pixels around each picture and cut out its own size anywhere in it.

    When to use it: small pictures of things (CIFAR), with `flip`, as most published results do.

    Args:
        pictures: of any type.
        draws: their random numbers.
        padding: pixels on each side.
        border: value of the frame; "edge" repeats the edge, "reflect" mirrors what is behind it,
            which costs about twice the time.
    """
    return moved(pictures, crop_move(pictures.shape[-2:], draws, padding=padding, border=border))


def crop_move(
    size: Sequence[int], draws: Draws, *, padding: int = 4, border: float | str = 0.0
) -> Move:
    """What `random_crop` does to pictures of any size."""
    if padding < 0:
        raise must_be("padding", "at least 0 pixels", padding)
    return Move(
        down=draws.integer("down", most=padding),
        right=draws.integer("right", most=padding),
        reach=(padding, padding),
        border=border_of(border),
    )
