"""A convolution taken apart: each channel by itself, then the channels of each pixel."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.models.layers.convolution import convolution

__all__ = ["SeparableConvolution"]


class SeparableConvolution(nn.Module):
    """A kernel for each channel, then a 1x1 convolution over the channels.

    When to use it: for nearly what a full convolution does with 1 / channels + 1 / K² of its
    products. It has channels_in · K² + channels_in · channels + channels parameters.

    Paper: Xception: Deep Learning with Depthwise Separable Convolutions, 2016,
        https://arxiv.org/abs/1610.02357

    Args:
        channels_in: of what comes in.
        channels: of the output.
        kernel_size: side of each channel's kernel.
        padding: valid, same or full.
        stride: of the kernels.
        dilation: of the kernels.

    Example:
        >>> layer = SeparableConvolution(16, 32)
        >>> sum(parameter.numel() for parameter in layer.parameters())
        688
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        kernel_size: int = 3,
        padding: str = "same",
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.depthwise = convolution(
            channels_in,
            channels_in,
            kernel_size=kernel_size,
            padding=padding,
            stride=stride,
            dilation=dilation,
            groups=channels_in,
            bias=False,  # the pointwise one's is as good
        )
        self.pointwise = nn.Conv2d(channels_in, channels, 1)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Both, one after the other."""
        return self.pointwise(self.depthwise(inputs))  # type: ignore[no-any-return]
