"""Pictures as networks that were trained on photographs take them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright.data.decode import fit_size

__all__ = ["Photographs"]


class Photographs(nn.Module):
    """Raw pictures in colour, of the right size, less the mean and over the deviation.

    Differs: the whole of the shorter side is kept, where ImageNet's classifiers are usually judged
        on the middle 7/8 of it, so that nothing of the picture is out of their sight.

    Args:
        mean: of red, green and blue in the range 0 to 1.
        deviation: likewise.
        size: (height, width) they are brought to; None leaves them as they are.
        least_side: pixels that the shorter side is enlarged to where it has fewer.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        *,
        size: tuple[int, int] | None = None,
        least_side: int = 1,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])
        self.size = size
        self.least_side = least_side

    def forward(self, raw: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """What the network takes."""
        return (self.fitted(raw) - self.mean) / self.deviation

    def fitted(self, raw: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n 3 h2 w2"]:
        """The same before mean and deviation: what a person is shown, from 0 to 1.

        Args:
            raw: bytes, or numbers from 0 to 1; anything but three channels is averaged to grey.
        """
        pictures = raw.float() / 255 if raw.dtype == torch.uint8 else raw
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
