"""Pictures upside down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.data.augment.draws import Draws
from netwright.data.augment.geometry import Geometry

__all__ = ["Upended", "flip_vertical", "upending"]


def flip_vertical(
    pictures: Shaped[Tensor, "n c h w"], draws: Draws, *, probability: float = 0.5
) -> Shaped[Tensor, "n c h w"]:
    """Exchange above and below in some of the pictures.

    When to use it: what is seen from above or through a microscope, and has no upright.
    """
    return upending(pictures.shape[-2:], draws, probability=probability).pictures(pictures)


def upending(size: Sequence[int], draws: Draws, *, probability: float = 0.5) -> Upended:
    """What `flip_vertical` does, for pictures of any size."""
    if not 0 <= probability <= 1:
        raise must_be("probability", "from 0 to 1", probability)
    return Upended(draws.uniform("flip") < probability)


@dataclass(frozen=True)
class Upended(Geometry):
    """Some of the pictures stand on their head.

    Attributes:
        which: (n,) they are.
    """

    which: Bool[Tensor, "n"]

    def pictures(self, pictures: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c h w"]:
        """See `Geometry.pictures`."""
        return torch.where(self.which[:, None, None, None], pictures.flip(-2), pictures)

    def masks(
        self, masks: Shaped[Tensor, "n k h w"], *, fill: float = 0
    ) -> Shaped[Tensor, "n k h w"]:
        """See `Geometry.masks`; nothing comes in."""
        return self.pictures(masks)

    def points(
        self, points: Float[Tensor, "n p 2"], *, size: tuple[int, int]
    ) -> Float[Tensor, "n p 2"]:
        """See `Geometry.points`."""
        across, down = points.unbind(-1)
        return torch.stack([across, torch.where(self.which[:, None], size[0] - down, down)], -1)
