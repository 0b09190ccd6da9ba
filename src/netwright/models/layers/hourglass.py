"""Down to half the resolution and up again, beside what came in."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netwright.models.layers.convolution_unit import ConvolutionUnit, MakeActivation
from netwright.models.layers.norm import MakeNorm

__all__ = ["Hourglass", "SwitchedHourglass"]


class Hourglass(nn.Module):
    """A convolution at half the resolution, enlarged again and added; one more behind the sum.

    When to use it: a wider view for a quarter of the products.

    Paper: Stacked Hourglass Networks for Human Pose Estimation, 2016,
        https://arxiv.org/abs/1603.06937
    Differs: one level, one convolution at each place.

    Args:
        channels_in: of what comes in.
        channels: of the output.
        enlarge: a layer that takes (maps, size): `Upsampling("bilinear")`, or
            `transposed_convolution(channels_in, channels_in)`.
        norm: makes the normalisation of so many channels.
        activation: makes the non-linearity.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        enlarge: nn.Module,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.low = ConvolutionUnit(channels_in, channels_in, norm=norm, activation=activation)
        self.enlarge = enlarge
        self.high = ConvolutionUnit(channels_in, channels, norm=norm, activation=activation)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """What came in with its surroundings, convolved."""
        found = self.low(self.pool(inputs))
        return self.high(inputs + self.enlarge(found, inputs.shape[-2:]))  # type: ignore[no-any-return]


class SwitchedHourglass(nn.Module):
    """The hourglass whose way up puts each value where the maximum was found on the way down.

    Max-pooling hands its switches, the places of the maxima, to max-unpooling, which leaves all
    other pixels zero: what is found keeps its exact place without anything to learn.

    Paper: Adaptive Deconvolutional Networks for Mid and High Level Feature Learning, 2011,
        https://doi.org/10.1109/ICCV.2011.6126474; SegNet, 2015, https://arxiv.org/abs/1511.00561

    Args:
        channels_in: of what comes in.
        channels: of the output.
        norm: makes the normalisation of so many channels.
        activation: makes the non-linearity.
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
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.low = ConvolutionUnit(channels_in, channels_in, norm=norm, activation=activation)
        self.high = ConvolutionUnit(channels_in, channels, norm=norm, activation=activation)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """What came in with its surroundings, convolved."""
        largest, switches = self.pool(inputs)
        found = F.max_unpool2d(self.low(largest), switches, (2, 2), output_size=inputs.shape[-2:])
        return self.high(inputs + found)  # type: ignore[no-any-return]
