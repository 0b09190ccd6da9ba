"""Windows of several sizes side by side."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.layers.convolution_unit import ConvolutionUnit, MakeActivation
from netwright.models.layers.norm import MakeNorm

__all__ = ["Branches", "Inception"]


@dataclass(frozen=True, kw_only=True)
class Branches:
    """How many channels there are in each of the four branches of an inception block.

    Attributes:
        one: that the 1x1 convolution gives.
        few: of the 1x1 convolution before the 3x3.
        three: that the 3x3 convolution gives.
        fewer: of the 1x1 convolution before the 5x5.
        five: that the 5x5 convolution gives.
        most: that the 1x1 convolution behind the maximum gives.

    Example:
        >>> Branches.of(256)
        Branches(one=64, few=96, three=128, fewer=16, five=32, most=32)
    """

    one: int
    few: int
    three: int
    fewer: int
    five: int
    most: int

    def __post_init__(self) -> None:
        if min(astuple(self)) < 1:
            raise must_be("branches", "of at least 1 channel each", self)

    @classmethod
    def of(cls, channels: int) -> Branches:
        """For an output of so many channels, in the proportions of GoogLeNet's first block.

        A quarter comes from the 1x1, half from the 3x3, an eighth each from the 5x5 and the
        maximum. The 1x1 convolutions before the larger ones have 3/8 and 1/16 as many.
        """
        if channels < 8 or channels % 8:
            raise must_be("channels", "a positive multiple of 8 for inception", channels)
        half, eighth = channels // 2, channels // 8
        few, fewer = 3 * eighth, max(channels // 16, 1)
        return cls(one=half // 2, few=few, three=half, fewer=fewer, five=eighth, most=eighth)

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.one + self.three + self.five + self.most


class Inception(nn.Module):
    """1x1, 3x3 and 5x5 convolutions and a maximum over 3x3, side by side; all that they find.

    1x1 convolutions to fewer channels stand before the larger ones, and one behind the maximum.
    With 192 channels in and 256 out, without norm, this is the first block of GoogLeNet, with its
    163,696 parameters.

    Paper: Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842

    Args:
        channels_in: of what comes in.
        channels: of the output, a multiple of 8 that is shared out as `Branches.of` says; or what
            each branch has.
        norm: makes the normalisation of so many channels, behind each convolution.
        activation: makes the non-linearity behind it.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int | Branches,
        *,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        has = channels if isinstance(channels, Branches) else Branches.of(channels)

        def unit(before: int, after: int, kernel_size: int) -> ConvolutionUnit:
            return ConvolutionUnit(
                before, after, kernel_size=kernel_size, norm=norm, activation=activation
            )

        self.one = unit(channels_in, has.one, 1)
        self.three = nn.Sequential(unit(channels_in, has.few, 1), unit(has.few, has.three, 3))
        self.five = nn.Sequential(unit(channels_in, has.fewer, 1), unit(has.fewer, has.five, 5))
        self.most = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), unit(channels_in, has.most, 1)
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """The four, one behind another in the channels."""
        branches = self.one, self.three, self.five, self.most
        return torch.cat([branch(inputs) for branch in branches], dim=1)
