"""Pictures as networks that were trained on photographs take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.dataset import Samples
from netwright.data.decode import fit_size
from netwright.data.depot.weights import IMAGENET_MEAN, IMAGENET_STD
from netwright.data.preprocess.base import Preprocess, picture_scale

__all__ = ["Photographs"]

LOOKED_AT = 64  # pictures whose range shows whether they are from 0 to 1


class Photographs(Preprocess):
    """Raw pictures in colour, of the right size, less the mean and over the deviation.

    When to use it: before weights that others trained on photographs; nothing is fitted, the
    numbers belong to the weights.

    Differs: the whole of the shorter side is kept, where ImageNet's classifiers are usually judged
        on the middle 7/8 of it, so that nothing of the picture is out of their sight.

    Args:
        mean: of red, green and blue in the range 0 to 1.
        deviation: likewise.
        size: (height, width), or one side for both, that they are brought to; None leaves them as
            they are.
        least_side: pixels that the shorter side is enlarged to where it has fewer.
    """

    name = "photographs"
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        mean: Sequence[float] | Tensor,
        deviation: Sequence[float] | Tensor,
        *,
        size: int | Sequence[int] | Tensor | None = None,
        least_side: int | Tensor = 1,
    ) -> None:
        super().__init__(
            mean=_of_colours("mean", mean), deviation=_of_colours("deviation", deviation)
        )
        if not bool((self.deviation > 0).all()):
            raise must_be("deviation", "above 0 in each colour", self.deviation.flatten().tolist())
        self.size = _height_and_width(size)
        self.least_side = int(least_side)

    @classmethod
    def fit(
        cls,
        samples: Samples,
        index: Tensor,
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        deviation: Sequence[float] = IMAGENET_STD,
        size: int | Sequence[int] | None = None,
    ) -> Self:
        """Nothing is learned; the pictures are looked at whether their range is the right one."""
        raw = samples.take(index[:LOOKED_AT])
        picture_scale(raw)
        least, most = float(raw.min()), float(raw.max())
        if raw.dtype != torch.uint8 and not (least >= 0 and most <= 1):
            raise must_be(
                "inputs",
                "bytes, or numbers from 0 to 1, for photographs",
                f"{least:.3g} to {most:.3g}",
                "Bring them there, or choose another preprocessing: preprocess.name=….",
                error=BadData,
            )
        return cls(mean, deviation, size=size)

    def state(self) -> dict[str, Any]:
        """See `Preprocess.state`."""
        size = {"dtype": "int64", "values": list(self.size or ())}
        least = {"dtype": "int64", "values": self.least_side}
        return {**super().state(), "size": size, "least_side": least}

    def forward(self, raw: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """What the network takes."""
        return (self.fitted(raw) - self.mean) / self.deviation

    def fitted(self, raw: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """The same before mean and deviation: what a person is shown, from 0 to 1.

        Args:
            raw: bytes, or numbers from 0 to 1; anything but three channels is averaged to grey.
        """
        pictures = raw.float() / 255 if raw.dtype == torch.uint8 else raw.float()
        if pictures.shape[1] != 3:
            pictures = pictures.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        if self.size is not None:
            return fit_size(pictures, self.size)
        sides = pictures.shape[-2:]
        if min(sides) < self.least_side:
            grown = [round(side * self.least_side / min(sides)) for side in sides]
            pictures = F.interpolate(pictures, grown, mode="bilinear")
        return pictures

    def seen(self, inputs: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """The way back: what a person is shown of something that the network takes."""
        return inputs * self.deviation + self.mean


def _of_colours(what: str, values: Sequence[float] | Tensor) -> Tensor:
    given = torch.as_tensor(values, dtype=torch.float32).flatten()
    if len(given) != 3:
        raise must_be(what, "three numbers, for red, green and blue", given.tolist())
    return given[:, None, None]


def _height_and_width(size: int | Sequence[int] | Tensor | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = [size] * 2 if isinstance(size, int) else [int(side) for side in size]
    if not sides:
        return None
    if len(sides) != 2 or min(sides) < 1:
        raise must_be("size", "a side of at least 1, or (height, width)", size)
    return sides[0], sides[1]
