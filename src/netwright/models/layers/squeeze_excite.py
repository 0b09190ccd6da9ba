"""Channels weighed by what the whole picture holds."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["SqueezeExcite"]


class SqueezeExcite(nn.Module):
    """Multiply each channel by a number in (0, 1) that the mean of all channels decides.

    The mean of each channel over the picture goes through two linear layers, with a rectifier
    between and a sigmoid behind them.

    Paper: Squeeze-and-Excitation Networks, 2017, https://arxiv.org/abs/1709.01507

    Args:
        channels: of the maps.
        shrink: the first layer has channels / shrink units, and one at least.

    Example:
        >>> layer = SqueezeExcite(64)
        >>> sum(parameter.numel() for parameter in layer.parameters())
        580
    """

    def __init__(self, channels: int, *, shrink: int = 16) -> None:
        super().__init__()
        if shrink < 1:
            raise must_be("shrink", "at least 1", shrink)
        few = max(channels // shrink, 1)
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.down = nn.Conv2d(channels, few, 1)
        self.activation = nn.ReLU()
        self.up = nn.Conv2d(few, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The channels, weighed."""
        scale = self.gate(self.up(self.activation(self.down(self.squeeze(inputs)))))
        return inputs * scale  # type: ignore[no-any-return]
