"""Every picture with a piece of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from netwright.data.augment.draws import Draws
from netwright.data.augment.mixture import Mixture, beta_shares, chosen
from netwright.data.augment.objects import Objects, areas, still_there

__all__ = ["Paste", "cutmix"]


def cutmix(
    size: Sequence[int], draws: Draws, *, alpha: float = 1.0, probability: float = 1.0
) -> Paste:
    """Put a box of another picture in the same place of each, and mix the targets by its area.

    When to use it: photographs of few examples; unlike `mixup` every pixel stays a real one, so
    masks and boxes have a meaning too.

    Paper: CutMix: Regularization strategy to train strong classifiers with localizable features,
        Yun et al. 2019, https://arxiv.org/abs/1905.04899
    Differs: each example has a box and a partner of its own, where the paper's code draws one box a
        batch.

    Args:
        size: of the pictures, (height, width).
        draws: their random numbers.
        alpha: of the law Beta(alpha, alpha) of the share that stays, before the box is cut off at
            the edge; the targets go by what is left of it. From 0.01 to 100.
        probability: share of the pictures that get a box, from 0 to 1.
    """
    height, width = size
    side = (1 - beta_shares(draws, alpha=alpha)).clamp_(min=0).sqrt_()
    side = torch.where(chosen(draws, probability=probability), side, 0.0)
    top, bottom = _stretch(draws.uniform("row"), side, size=height)
    left, right = _stretch(draws.uniform("column"), side, size=width)
    return Paste(torch.stack([left, top, right, bottom], 1), size=(height, width))


@dataclass(frozen=True)
class Paste(Mixture):
    """A box of the partner; see `Mixture`.

    Attributes:
        box: (n, 4) x1, y1, x2, y2 in whole pixels.
        size: (height, width) of the pictures.
    """

    box: Int[Tensor, "n 4"]
    size: tuple[int, int]

    @property
    def share(self) -> Float[Tensor, "n"]:  # type: ignore[override]
        """The area that is left, exactly."""
        sides = self.box[:, 2:] - self.box[:, :2]
        return 1 - (sides[:, 0] * sides[:, 1]) / (self.size[0] * self.size[1])

    def where(self, mixed: Bool[Tensor, "n"]) -> Paste:
        """See `Mixture.where`."""
        return Paste(self.box * mixed[:, None], self.size)

    def pictures(
        self, pictures: Shaped[Tensor, "n *rest"], partners: Shaped[Tensor, "n *rest"]
    ) -> Shaped[Tensor, "n *rest"]:
        """See `Mixture.pictures`."""
        return torch.where(self._inside()[:, None], partners, pictures)

    def planes(
        self, planes: Shaped[Tensor, "n *k h w"], partners: Shaped[Tensor, "n *k h w"]
    ) -> Shaped[Tensor, "n *k h w"]:
        """See `Mixture.planes`: pasted, as the pictures are."""
        inside = self._inside().view(len(planes), *[1] * (planes.ndim - 3), *self.size)
        return torch.where(inside, partners, planes)

    def objects(self, own: Objects, partners: Objects) -> list[dict[str, Any]]:
        """What is seen of the objects of both.

        A box keeps the least box around what is seen of it; with less than a tenth of its area or
        a side under a pixel it is dropped, with everything of its object.
        """
        inside = self._inside()
        left, seen = _parted(own, ~inside, self.box, _beside)
        pasted, shown = _parted(partners, inside, self.box, _within)
        planes = {name: self.planes(own.planes[name], partners.planes[name]) for name in own.planes}
        return replace(left, planes=planes).joined(pasted, kept=torch.cat([seen, shown]))

    def _inside(self) -> Bool[Tensor, "n h w"]:
        left, top, right, bottom = self.box[..., None].unbind(1)
        rows = torch.arange(self.size[0], device=self.box.device)
        columns = torch.arange(self.size[1], device=self.box.device)
        down, across = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
        return down[:, :, None] & across[:, None, :]


def _stretch(middle: Tensor, share: Tensor, *, size: int) -> tuple[Tensor, Tensor]:
    """Where a stretch of a side begins and ends: about a middle, cut off at the ends."""
    half, centre = (share * size).long() // 2, (middle * size).long()
    long = (share * size).long()
    return (centre - half).clamp(0, size), (centre - half + long).clamp(0, size)


def _parted(
    objects: Objects, seen: Tensor, box: Tensor, cut: _Cut
) -> tuple[Objects, Bool[Tensor, "m"]]:
    """What is seen of objects where (n, h, w) pixels are, and whether that is enough."""
    found = dict(objects.values)
    seen, box = seen[objects.picture], box[objects.picture]
    kept = torch.ones_like(objects.picture, dtype=torch.bool)
    if "boxes" in found:
        before = found["boxes"]
        found["boxes"], area = cut(before, box.to(before.dtype))
        kept &= still_there(found["boxes"], seen=area, of=areas(before))
        if "area" in found:
            scaled = found["area"] * (area / areas(before).clamp(min=1e-6))
            found["area"] = scaled.to(found["area"].dtype)
    if "masks" in found:
        found["masks"] = torch.where(seen, found["masks"], torch.zeros_like(found["masks"]))
        kept &= (found["masks"] != 0).flatten(1).any(1)
    if "keypoints" in found:
        found["keypoints"] = _visible(found["keypoints"], seen)
    return replace(objects, values=found), kept


_Cut: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _within(boxes: Tensor, pasted: Tensor) -> tuple[Tensor, Tensor]:
    """The part of each box inside, and its area."""
    least = torch.maximum(boxes[:, :2], pasted[:, :2])
    most = torch.minimum(boxes[:, 2:], pasted[:, 2:])
    part = torch.cat([least, most], 1)
    return part, areas(part)


def _beside(boxes: Tensor, pasted: Tensor) -> tuple[Tensor, Tensor]:
    """The least box around the part of each box outside, and that part's area."""
    _, hidden = _within(boxes, pasted)
    first, last, begin, end = boxes[:, :2], boxes[:, 2:], pasted[:, :2], pasted[:, 2:]
    # an end can only be cut off where the piece lies over the whole of the other side
    over = (begin <= first) & (end >= last) & (end > begin)
    spans = over.flip(1) & (end > begin)
    least = torch.where(spans & (begin <= first) & (end > first), end, first)
    most = torch.where(spans & (end >= last) & (begin < last), begin, last)
    return torch.cat([least, most], 1), areas(boxes) - hidden


def _visible(keypoints: Tensor, seen: Tensor) -> Tensor:
    """Third column 0 where a keypoint is not seen any more."""
    if keypoints.shape[-1] < 3:
        return keypoints
    height, width = seen.shape[-2:]
    across, down = keypoints[..., :2].round().long().unbind(-1)
    place = down.clamp(0, height - 1) * width + across.clamp(0, width - 1)
    there = seen.flatten(1).gather(1, place)
    kept = torch.where(there, keypoints[..., 2], 0)
    return torch.cat([keypoints[..., :2], kept[..., None]], -1)
