"""Maps enlarged to a given size."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import unknown

__all__ = ["Upsampling"]

_MODES: dict[str, dict[str, bool]] = {"nearest": {}, "bilinear": {"align_corners": False}}


class Upsampling(nn.Module):
    """Copies of the nearest pixel, or lines between four: `torch.nn.Upsample`, to a size asked for.

    It is called as a transposed convolution is, so that one can stand for the other.

    Args:
        mode: nearest or bilinear.

    Example:
        >>> import torch
        >>> Upsampling("nearest")(torch.arange(2.0)[None, None, None], (1, 4)).tolist()
        [[[[0.0, 0.0, 1.0, 1.0]]]]
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        if mode not in _MODES:
            raise unknown("mode", mode, _MODES)
        self.mode = mode

    def forward(
        self, inputs: Float[Tensor, "n c h w"], output_size: Sequence[int]
    ) -> Float[Tensor, "n c ho wo"]:
        """The maps in `output_size`, (height, width)."""
        height, width = output_size
        return F.interpolate(inputs, (height, width), mode=self.mode, **_MODES[self.mode])

    def extra_repr(self) -> str:
        """The mode."""
        return self.mode
