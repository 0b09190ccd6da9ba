"""Where the pixels of pictures go, and everything that lies in them with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields, replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

__all__ = ["Geometry"]


class Geometry(ABC):
    """One map of the plane for each of n pictures; a frozen dataclass of (n, ...) tensors.

    Points are in pixels from the upper left corner of the picture, (x, y): the first pixel lies
    between 0 and 1.

    Attributes:
        points_a_side: that the outline of a box is followed by; its corners do for straight maps.
    """

    points_a_side: ClassVar[int] = 1

    @abstractmethod
    def pictures(self, pictures: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c h w"]:
        """The pictures as they are afterwards; never the same tensor."""

    @abstractmethod
    def masks(
        self, masks: Shaped[Tensor, "n k h w"], *, fill: float = 0
    ) -> Shaped[Tensor, "n k h w"]:
        """Masks of the pictures, moved by the same map; each pixel keeps one of their values.

        Args:
            masks: of any type.
            fill: what comes in where the pictures get a fixed value; where they repeat or mirror
                what they hold, the masks do.
        """

    @abstractmethod
    def points(
        self, points: Float[Tensor, "n p 2"], *, size: tuple[int, int]
    ) -> Float[Tensor, "n p 2"]:
        """Where points of the pictures of `size` (height, width) come to lie, even outside."""

    def boxes(self, boxes: Float[Tensor, "n 4"], *, size: tuple[int, int]) -> Float[Tensor, "n 4"]:
        """The least boxes (x1, y1, x2, y2) around what one box in each picture becomes."""
        moved = self.points(_outline(boxes, self.points_a_side), size=size)
        return torch.cat([moved.amin(1), moved.amax(1)], 1)

    def select(self, rows: Int[Tensor, "m"]) -> Self:
        """The maps of some of the pictures, also several times."""
        chosen = {
            field.name: getattr(self, field.name).index_select(0, rows)
            for field in fields(self)  # type: ignore[arg-type]
            if isinstance(getattr(self, field.name), Tensor)
        }
        return replace(self, **chosen)  # type: ignore[type-var]


def _outline(boxes: Float[Tensor, "n 4"], points_a_side: int) -> Float[Tensor, "n p 2"]:
    """Points around each box, its corners among them."""
    along = torch.arange(points_a_side, device=boxes.device, dtype=boxes.dtype) / points_a_side
    nothing, all_of_it = torch.zeros_like(along), torch.ones_like(along)
    right = torch.cat([along, all_of_it, 1 - along, nothing])
    down = torch.cat([nothing, along, all_of_it, 1 - along])
    first, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    return first + sides * torch.stack([right, down], 1)
