"""Windows of several sizes side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.layers.convolution_unit import ConvolutionUnit, MakeActivation
from netwright.models.layers.norm import MakeNorm

__all__ = ["Inception"]


class Inception(nn.Module):
    """1x1, 3x3 and 5x5 convolutions and a maximum over 3x3, side by side; all that they find.

    Of the output a quarter comes from the 1x1, half from the 3x3, an eighth each from the 5x5 and
    the maximum. A 1x1 convolution to 3/8 and 1/16 of as many channels stands before the larger
    ones, and one behind the maximum. With 192 channels in and 256 out, without norm, this is the
    first block of GoogLeNet, with its 163,696 parameters.

    Paper: Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842

    Args:
        channels_in: of what comes in.
        channels: of the output, a multiple of 8.
        norm: makes the normalisation of so many channels, behind each convolution.
        activation: makes the non-linearity behind it.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        if channels < 8 or channels % 8:
            raise must_be("channels", "a positive multiple of 8 for inception", channels)

        def unit(before: int, after: int, kernel_size: int) -> ConvolutionUnit:
            return ConvolutionUnit(
                before, after, kernel_size=kernel_size, norm=norm, activation=activation
            )

        few, fewer = channels * 3 // 8, max(channels // 16, 1)
        self.one = unit(channels_in, channels // 4, 1)
        self.three = nn.Sequential(unit(channels_in, few, 1), unit(few, channels // 2, 3))
        self.five = nn.Sequential(unit(channels_in, fewer, 1), unit(fewer, channels // 8, 5))
        self.most = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), unit(channels_in, channels // 8, 1)
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """The four, one behind another in the channels."""
        branches = self.one, self.three, self.five, self.most
        return torch.cat([branch(inputs) for branch in branches], dim=1)
