"""Picture files cut at random while they are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright.data.augment.draws import Draws
from netwright.data.augment.flip import flip_move
from netwright.data.augment.random_resized_crop import boxes, cut
from netwright.data.dataset import Stacks
from netwright.data.sources.pictures import PictureFiles

__all__ = ["CroppedPictures", "cropped"]

CROP, FLIP = "random-resized-crop", "flip"


class CroppedPictures(Stacks):
    """Random boxes of whole pictures, brought to the common size and perhaps mirrored.

    A box is read, resized with antialiasing and mirrored as bytes, once; making numbers of them is
    left to the batch, on the device.

    Args:
        pictures: that are read.
        seed: of the boxes and mirrors.
        crop: options of random-resized-crop.
        flip: options of flip; None mirrors nothing.
    """

    def __init__(
        self,
        pictures: PictureFiles,
        *,
        seed: int,
        crop: Mapping[str, Any],
        flip: Mapping[str, Any] | None = None,
    ) -> None:
        self._pictures = pictures
        self._seed = seed
        self._crop = dict(crop)
        self._flip = None if flip is None else dict(flip)

    def __len__(self) -> int:
        return len(self._pictures)

    def item(self, index: int) -> Tensor:
        """The picture as it is judged by: its centre."""
        return self._pictures.item(index)

    def stack(self, places: Sequence[int], *, epoch: int) -> Tensor:
        """Each picture's own box in this epoch, (n, c, h, w)."""
        index = torch.tensor(places)
        sizes = torch.tensor([self._pictures.sizes[place] for place in places])
        draws = Draws(index=index, seed=self._seed, epoch=epoch, scope=f"0/{CROP}")
        chosen = boxes(sizes, draws, **self._crop).tolist()
        mirrored = self._mirrored(index, epoch=epoch)
        size = self._pictures.size
        out = torch.empty((len(places), self._pictures.channels, *size), dtype=torch.uint8)
        for row, (place, box) in enumerate(zip(places, chosen, strict=True)):
            part = cut(self._pictures.whole(place), box, size=size)
            out[row] = part.flip(-1) if mirrored[row] else part
        return out

    def _mirrored(self, index: Tensor, *, epoch: int) -> list[bool]:
        draws = Draws(index=index, seed=self._seed, epoch=epoch, scope=f"1/{FLIP}")
        move = None if self._flip is None else flip_move((0, 0), draws, **self._flip)
        if move is None or move.mirrored is None:
            return [False] * len(index)
        chosen: list[bool] = move.mirrored.tolist()
        return chosen


def cropped(
    pictures: PictureFiles, entries: Sequence[Mapping[str, Any]], *, seed: int
) -> tuple[CroppedPictures | None, list[Mapping[str, Any]]]:
    """The augmentations that are best done while reading, and those that are left for the batch.

    Args:
        pictures: that are read.
        entries: of the recipe, in order.
        seed: of the run.
    """
    names = [entry["name"] for entry in entries]
    if names[:1] != [CROP]:
        return None, list(entries)
    options = [{key: value for key, value in entry.items() if key != "name"} for entry in entries]
    both = names[1:2] == [FLIP]
    reading = CroppedPictures(
        pictures, seed=seed, crop=options[0], flip=options[1] if both else None
    )
    return reading, list(entries[2 if both else 1 :])
