"""Pictures seen in a mirror."""

from __future__ import annotations

import torch
from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws

__all__ = ["flip"]


def flip(
    pictures: Shaped[Tensor, "n c h w"], draws: Draws, *, probability: float = 0.5
) -> Shaped[Tensor, "n c h w"]:
    """Exchange left and right in some of the pictures.

    When to use it: where a mirrored example is of the same class. Never for digits, letters or
    anything else that reads in a direction: it makes wrong labels.
    """
    if not 0 <= probability <= 1:
        raise must_be("probability", "from 0 to 1", probability)
    chosen = draws.uniform("flip") < probability
    return torch.where(chosen[:, None, None, None], pictures.flip(-1), pictures)
