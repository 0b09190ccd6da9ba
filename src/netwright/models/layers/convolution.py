"""Convolution with the padding said in words."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from torch import nn

from netwright._errors import must_be, unknown

__all__ = ["PADDINGS", "convolution"]

PADDINGS: MappingProxyType[str, int] = MappingProxyType({"valid": 0, "same": 1, "full": 2})
"""How many times the kernel's reach D(K − 1) is added to a side, half before and half after."""


def convolution(
    channels_in: int,
    channels: int,
    *,
    kernel_size: int | Sequence[int] = 3,
    padding: str = "same",
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """Torch's convolution, padded with zeros by name.

    With a side of I pixels, a kernel of K, dilation D and stride S the output has
    ⌊(I − D(K − 1) − 1 + P) / S⌋ + 1 pixels, where P, over both ends, is 0 (valid: every output sees
    pixels only), D(K − 1) (same: ⌈I / S⌉ pixels, of any stride) or 2D(K − 1) (full: every output
    that sees a pixel at all). Where P is odd the extra zero comes last.

    What is called convolution is cross-correlation: the kernel is not flipped.

    Differs: torch's own `padding="same"` refuses strides; TensorFlow's pads less where a stride
        leaves pixels over, and then sees them shifted by one.

    Args:
        channels_in: a multiple of `groups`.
        channels: of the output, a multiple of `groups`.
        kernel_size: side, or (height, width).
        padding: valid, same or full.
        stride: step, or (down, across).
        dilation: step between the kernel's own pixels.
        groups: parts of the channels that don't see each other.
        bias: add one number a channel.

    Example:
        >>> convolution(3, 8, kernel_size=5, stride=2)
        Conv2d(3, 8, kernel_size=(5, 5), stride=(2, 2), padding=(2, 2))
    """
    if padding not in PADDINGS:
        raise unknown("padding", padding, PADDINGS)
    kernel, step, spread = (
        _pair(name, value)
        for name, value in (
            ("kernel_size", kernel_size),
            ("stride", stride),
            ("dilation", dilation),
        )
    )
    for name, count in (("channels_in", channels_in), ("channels", channels)):
        if count < 1 or groups < 1 or count % groups:
            raise must_be(name, f"a positive multiple of groups ({groups})", count)
    totals = [PADDINGS[padding] * d * (k - 1) for k, d in zip(kernel, spread, strict=True)]
    even = not any(total % 2 for total in totals)
    made = nn.Conv2d(
        channels_in,
        channels,
        kernel,
        stride=step,
        padding=(totals[0] // 2, totals[1] // 2) if even else 0,
        dilation=spread,
        groups=groups,
        bias=bias,
    )
    return made if even else nn.Sequential(nn.ZeroPad2d(_ends(totals)), made)


def _pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    sides = (value, value) if isinstance(value, int) else tuple(value)
    if len(sides) != 2 or min(sides) < 1:
        raise must_be(name, "one or two whole numbers of at least 1", value)
    return sides[0], sides[1]


def _ends(totals: Sequence[int]) -> tuple[int, int, int, int]:
    down, across = totals
    return across // 2, across - across // 2, down // 2, down - down // 2
