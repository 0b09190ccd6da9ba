"""Pictures read between their pixels: straight maps and smooth displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright.data.augment.geometry import Geometry

__all__ = ["Warp", "straight"]

SETTLED = 30
"""Rounds in which a displacement is undone; where it does not fold, each leaves a part of the error
that is the slope of the displacement, a fifth with `elastic` as it is by default."""


@dataclass(frozen=True)
class Warp(Geometry):
    """Each pixel comes from `back` of where it lies, after `displaced` is added to its place.

    Coordinates run from −1 to 1 over the picture, along both sides.

    Attributes:
        back: (n, 2, 3) from a place afterwards to the place before; None moves nothing.
        displaced: (n, 2, h, w) right and down for each pixel; None where the map is straight.
        fill: value of what comes in; None repeats the edge.
    """

    back: Float[Tensor, "n 2 3"] | None = None
    displaced: Float[Tensor, "n 2 h w"] | None = None
    fill: float | None = None

    @property
    def points_a_side(self) -> int:  # type: ignore[override]
        """See `Geometry`."""
        return 1 if self.displaced is None else 8

    def joins(self, later: Warp) -> bool:
        """Whether both can be carried out as one: the picture is read once, and stays sharper."""
        return self.displaced is None and self.fill == later.fill

    def then(self, later: Warp) -> Warp:
        """Both as one; nothing that the first alone would move out is lost."""
        if self.back is None or later.back is None:
            return replace(later, back=later.back if self.back is None else self.back)
        turned, moved = self.back[..., :2], self.back[..., 2:]
        both = turned @ later.back
        return replace(later, back=torch.cat([both[..., :2], both[..., 2:] + moved], -1))

    def pictures(self, pictures: Shaped[Tensor, "n c h w"]) -> Shaped[Tensor, "n c h w"]:
        """See `Geometry.pictures`; bilinear."""
        exact = pictures.dtype in (torch.float32, torch.float64)
        values = pictures if exact else pictures.float()
        read = self._read(values, fill=self.fill or 0.0, mode="bilinear")
        return read.to(pictures.dtype) if pictures.is_floating_point() else _rounded(read, pictures)

    def masks(
        self, masks: Shaped[Tensor, "n k h w"], *, fill: float = 0
    ) -> Shaped[Tensor, "n k h w"]:
        """See `Geometry.masks`; the nearest pixel."""
        return self._read(masks.float(), fill=fill, mode="nearest").to(masks.dtype)

    def points(
        self, points: Float[Tensor, "n p 2"], *, size: tuple[int, int]
    ) -> Float[Tensor, "n p 2"]:
        """See `Geometry.points`; a displacement is undone step by step."""
        half = points.new_tensor([size[1] / 2, size[0] / 2])
        places = points / half - 1
        if self.back is not None:
            back = self.back.to(places.dtype)
            forth = torch.linalg.inv(back[..., :2])
            places = (places - back[:, None, :, 2]) @ forth.transpose(1, 2)
        if self.displaced is not None:
            displaced = self.displaced.to(places.dtype)
            wanted = places
            for _ in range(SETTLED):
                read = F.grid_sample(
                    displaced, places[:, None], padding_mode="border", align_corners=False
                )
                places = wanted - read[:, :, 0].transpose(1, 2)
        return (places + 1) * half

    def _grid(self, height: int, width: int, *, kind: torch.dtype) -> Tensor | None:
        """(n, h, w, 2) where each pixel comes from; None where nothing is moved."""
        given = self.back if self.displaced is None else self.displaced
        if given is None:
            return None
        across = _middles(width, like=given)
        down = _middles(height, like=given)[:, None]
        if self.displaced is not None:
            across, down = across + self.displaced[:, 0], down + self.displaced[:, 1]
        if self.back is not None:
            (a, b, right), (c, d, below) = (
                row.unbind(1) for row in self.back[..., None, None].unbind(1)
            )
            across, down = (across * a + right) + down * b, (across * c + below) + down * d
        # both planes by themselves: written faster, and read as fast, as pairs
        return torch.stack([across, down], 1).to(kind).permute(0, 2, 3, 1)

    def _read(self, values: Tensor, *, fill: float, mode: str) -> Tensor:
        grid = self._grid(*values.shape[-2:], kind=values.dtype)
        if grid is None:
            return values.clone()
        border = "border" if self.fill is None else "zeros"
        shifted = values - fill if fill and self.fill is not None else values
        read = F.grid_sample(shifted, grid, mode=mode, padding_mode=border, align_corners=False)
        return read + fill if fill and self.fill is not None else read


def straight(
    size: Sequence[int],
    *,
    radians: Float[Tensor, "n"],
    zoom: Float[Tensor, "n"],
    slant: Float[Tensor, "n"] | None = None,
    move: Float[Tensor, "n 2"] | None = None,
    fill: float | None = None,
) -> Warp:
    """Pictures slanted, turned counter-clockwise, enlarged about their centre, then moved.

    Args:
        size: of the pictures, (height, width).
        radians: to turn by.
        zoom: above 1 enlarges.
        slant: pixels to the left for each pixel down.
        move: (right, down) as shares of the width and of the height.
        fill: see `Warp`.
    """
    cosine, sine = radians.cos() / zoom, radians.sin() / zoom
    slant = torch.zeros_like(zoom) if slant is None else slant
    move = zoom.new_zeros(len(zoom), 2) if move is None else move
    # the inverse of turn · slant, in pixels
    turned = torch.stack([cosine + slant * sine, slant * cosine - sine, sine, cosine], -1)
    # in coordinates from −1 to 1, a picture that is not square needs the ratio of its sides
    ratio = size[0] / size[1]
    turned = turned.view(-1, 2, 2) * turned.new_tensor([[1, ratio], [1 / ratio, 1]])
    return Warp(torch.cat([turned, -2 * turned @ move[..., None]], -1), fill=fill)


def _middles(side: int, *, like: Tensor) -> Float[Tensor, "side"]:
    """Of each pixel along a side."""
    return (2 * torch.arange(side, device=like.device, dtype=like.dtype) + 1) / side - 1


def _rounded(values: Tensor, pictures: Tensor) -> Tensor:
    return values.round_().to(pictures.dtype)
