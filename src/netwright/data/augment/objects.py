"""The objects of several pictures in one row, so that they are worked on all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netwright._errors import BadData, must_be

__all__ = ["Objects", "areas", "clipped", "still_there"]

LEAST_SIDE = 1.0
"""Pixels: a box that is narrower is dropped."""

LEAST_VISIBLE = 0.1
"""Share of a box's area: where less of it is left, it is dropped."""

_OF_AN_OBJECT = ("boxes", "labels", "masks", "keypoints", "area", "iscrowd", "scores")
_OF_THE_PICTURE = ("mask",)


@dataclass(frozen=True)
class Objects:
    """Everything that torchvision's detectors are told of n pictures.

    Attributes:
        picture: (m,) which picture each object is in, ascending.
        values: name → (m, ...) of the objects.
        planes: name → (n, h, w) of the pictures.
        others: of each picture, what is neither.
    """

    picture: Int[Tensor, "m"]
    values: Mapping[str, Tensor]
    planes: Mapping[str, Tensor]
    others: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, targets: Sequence[Mapping[str, Any]]) -> Objects:
        """From one mapping a picture.

        Raises:
            BadData: they don't all have the same names, or disagree on how many objects there are.
        """
        first = targets[0]
        for place, one in enumerate(targets):
            if list(one) != list(first):
                raise must_be(
                    "targets", f"mappings of {', '.join(first)}, all of them", list(one),
                    f"It is number {place}.", error=BadData,
                )  # fmt: skip
        names = [name for name in first if name in _OF_AN_OBJECT]
        planes = [name for name in first if name in _OF_THE_PICTURE]
        counts = [len(one[names[0]]) if names else 0 for one in targets]
        for name in names:
            found = [len(one[name]) for one in targets]
            if found != counts:
                raise must_be(
                    "targets", f"as many {name} as {names[0]} in each picture", found,
                    f"There are {counts} {names[0]}.", error=BadData,
                )  # fmt: skip
        device = next((one.device for one in first.values() if isinstance(one, Tensor)), None)
        return cls(
            picture=torch.repeat_interleave(torch.tensor(counts)).to(device),
            values={name: torch.cat([one[name] for one in targets]) for name in names},
            planes={name: torch.stack([one[name] for one in targets]) for name in planes},
            others=[
                {key: one[key] for key in one if key not in (*names, *planes)} for one in targets
            ],
        )

    def with_values(
        self,
        values: Mapping[str, Tensor],
        *,
        kept: Bool[Tensor, "m"],
        planes: Mapping[str, Tensor],
    ) -> list[dict[str, Any]]:
        """One mapping a picture again, of the objects that are kept."""
        pictures = len(self.others)
        counts = self.picture[kept].bincount(minlength=pictures).tolist()
        parts = {name: torch.split(value[kept], counts) for name, value in values.items()}
        parts |= {name: plane.unbind() for name, plane in planes.items()}
        return [
            {**{name: part[place] for name, part in parts.items()}, **self.others[place]}
            for place in range(pictures)
        ]

    def joined(self, later: Objects, *, kept: Bool[Tensor, "m"]) -> list[dict[str, Any]]:
        """One mapping a picture, its objects here before its objects of `later`.

        Args:
            later: of as many pictures; what is neither an object's nor a plane stays as it is here.
            kept: which of both, those here before all those of `later`.
        """
        if list(self.values) != list(later.values):
            raise must_be(
                "targets", f"mappings of {', '.join(self.values)}, all of them",
                list(later.values), error=BadData,
            )  # fmt: skip
        picture, by_picture = torch.cat([self.picture, later.picture]).sort(stable=True)
        values = {
            name: torch.cat([value, later.values[name].to(value.dtype)])[by_picture]
            for name, value in self.values.items()
        }
        both = Objects(picture, values, self.planes, self.others)
        return both.with_values(values, kept=kept[by_picture], planes=self.planes)


def still_there(
    boxes: Float[Tensor, "m 4"], *, seen: Float[Tensor, "m"], of: Float[Tensor, "m"]
) -> Bool[Tensor, "m"]:
    """Whether enough is left of boxes to ask for them.

    Args:
        boxes: as they are now.
        seen: area that is seen of each.
        of: area that was, or would be without the picture's edge.
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).amin(1)
    return (sides >= LEAST_SIDE) & (seen >= LEAST_VISIBLE * of)


def areas(boxes: Float[Tensor, "m 4"]) -> Float[Tensor, "m"]:
    """Of boxes (x1, y1, x2, y2)."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    return sides[:, 0] * sides[:, 1]


def clipped(boxes: Float[Tensor, "m 4"], *, size: tuple[int, int]) -> Float[Tensor, "m 4"]:
    """Cut off at the edges of pictures of `size` (height, width)."""
    most = boxes.new_tensor([size[1], size[0]]).repeat(2)
    return boxes.clamp(min=0).minimum(most)
