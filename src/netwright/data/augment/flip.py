"""Pictures seen in a mirror."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.move import Move, moved

__all__ = ["flip", "flip_move"]


def flip(
    pictures: Shaped[Tensor, "n c h w"], draws: Draws, *, probability: float = 0.5
) -> Shaped[Tensor, "n c h w"]:
    """Exchange left and right in some of the pictures.

    When to use it: where a mirrored example is of the same class. Never for digits, letters or
    anything else that reads in a direction: it makes wrong labels.
    """
    return moved(pictures, flip_move(pictures.shape[-2:], draws, probability=probability))


def flip_move(size: Sequence[int], draws: Draws, *, probability: float = 0.5) -> Move:
    """What `flip` does, for pictures of any size."""
    if not 0 <= probability <= 1:
        raise must_be("probability", "from 0 to 1", probability)
    return Move(mirrored=draws.uniform("flip") < probability)
