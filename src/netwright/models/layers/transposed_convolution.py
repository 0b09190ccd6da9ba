"""Convolution that enlarges, to the pixel."""

from __future__ import annotations

from torch import nn

from netwright._errors import must_be

__all__ = ["transposed_convolution"]


def transposed_convolution(
    channels_in: int,
    channels: int,
    *,
    kernel_size: int = 4,
    stride: int = 2,
    groups: int = 1,
    bias: bool = True,
) -> nn.ConvTranspose2d:
    """Torch's transposed convolution, cut so that a side of I pixels becomes exactly S · I.

    Each pixel of the input paints the kernel, scaled, onto the output; where they overlap they are
    added. Uncut, that makes (I − 1) · S + K pixels; what is over is cut off, one pixel more before
    than after where it is odd. A kernel that is a multiple of the stride paints every pixel equally
    often and leaves no chequerboard. For another size, S · I + 1 say, give the layer
    `output_size` when it is called.

    Paper: Deconvolution and Checkerboard Artifacts, 2016, https://doi.org/10.23915/distill.00003

    Args:
        channels_in: a multiple of `groups`.
        channels: of the output, a multiple of `groups`.
        kernel_size: side of the kernel.
        stride: how many times larger the output is; not 1 with an even kernel, which has no middle.
        groups: parts of the channels that don't see each other.
        bias: add one number a channel.

    Example:
        >>> import torch
        >>> transposed_convolution(3, 8, kernel_size=5)(torch.zeros(1, 3, 7, 9)).shape
        torch.Size([1, 8, 14, 18])
    """
    for name, value in (("kernel_size", kernel_size), ("stride", stride)):
        if value < 1:
            raise must_be(name, "at least 1", value)
    over = kernel_size - stride
    if stride == 1 and over % 2:
        raise must_be("kernel_size", "odd for a stride of 1", kernel_size)
    padding = max(-(-over // 2), 0)
    return nn.ConvTranspose2d(
        channels_in,
        channels,
        kernel_size,
        stride=stride,
        padding=padding,
        output_padding=2 * padding - over,
        groups=groups,
        bias=bias,
    )
