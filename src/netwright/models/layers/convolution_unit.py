"""Convolution, normalisation, non-linearity: what most blocks are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright.models.layers.convolution import convolution
from netwright.models.layers.norm import MakeNorm

__all__ = ["ConvolutionUnit", "MakeActivation"]

MakeActivation = Callable[[], nn.Module]
"""A fresh non-linearity."""


class ConvolutionUnit(nn.Module):
    """A convolution, a normalisation and a non-linearity.

    Paper: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift, 2015, https://arxiv.org/abs/1502.03167

    Args:
        channels_in: of what comes in.
        channels: of the output.
        kernel_size: side of the kernel, or (height, width).
        padding: valid, same or full.
        stride: of the convolution.
        norm: makes the normalisation of so many channels. Batch norm moves the mean itself: before
            it the convolution adds no number of its own.
        activation: makes the non-linearity.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        kernel_size: int | Sequence[int] = 3,
        padding: str = "same",
        stride: int = 1,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        self.convolution = convolution(
            channels_in,
            channels,
            kernel_size=kernel_size,
            padding=padding,
            stride=stride,
            bias=norm is not nn.BatchNorm2d,
        )
        self.norm = norm(channels)
        self.activation = activation()

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """One after the other."""
        return self.activation(self.norm(self.convolution(inputs)))  # type: ignore[no-any-return]
