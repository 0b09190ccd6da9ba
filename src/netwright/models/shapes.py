"""Shape arithmetic: what comes out of convolutions and pooling, and what they are made of.

Everything is of one axis; sizes are in elements of that axis.
"""

from __future__ import annotations

from math import prod

from netwright._errors import must_be

__all__ = [
    "convolution_multiply_adds",
    "convolution_parameters",
    "dilated_kernel",
    "full_padding",
    "linear_parameters",
    "output_size",
    "same_padding",
    "transposed_output_size",
]


def output_size(
    size: int, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Elements that come out: ⌊(W − D(K−1) − 1 + 2P)/S⌋ + 1.

    Padding 0 is a *valid* convolution; see `same_padding` and `full_padding` for the others.

    Args:
        size: elements that go in, W.
        kernel: K, at least 1.
        stride: S, at least 1.
        padding: at each end, P.
        dilation: steps between the kernel's elements, D.

    Example:
        >>> output_size(224, kernel=7, stride=2, padding=3)
        112

    Raises:
        BadValue: the kernel is larger than what it slides over.
    """
    _check(kernel=kernel, stride=stride, dilation=dilation)
    room = size + 2 * padding - dilated_kernel(kernel, dilation=dilation)
    if room < 0:
        reach = dilated_kernel(kernel, dilation=dilation) - 2 * padding
        raise must_be("size", f"at least {reach} for this kernel and padding", size)
    return room // stride + 1


def transposed_output_size(
    size: int,
    *,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> int:
    """Elements that come out of a transposed convolution: (W − 1)S − 2P + D(K−1) + P' + 1.

    Args:
        size: elements that go in, W.
        kernel: K, at least 1.
        stride: S, at least 1.
        padding: cut off at each end, P.
        output_padding: added at the end, P'.
        dilation: steps between the kernel's elements, D.

    Example:
        >>> transposed_output_size(112, kernel=2, stride=2)
        224
    """
    _check(kernel=kernel, stride=stride, dilation=dilation)
    reach = dilated_kernel(kernel, dilation=dilation)
    return (size - 1) * stride - 2 * padding + reach + output_padding


def dilated_kernel(kernel: int, *, dilation: int = 1) -> int:
    """Elements that a dilated kernel reaches over: D(K−1) + 1.

    Example:
        >>> dilated_kernel(3, dilation=2)
        5
    """
    return dilation * (kernel - 1) + 1


def same_padding(kernel: int, *, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after with which stride 1 keeps the size; of an odd sum, more after.

    Example:
        >>> same_padding(3), same_padding(4)
        ((1, 1), (1, 2))
    """
    both = dilation * (kernel - 1)
    return both // 2, both - both // 2


def full_padding(kernel: int, *, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after with which every overlap of kernel and input counts.

    Example:
        >>> full_padding(3, dilation=2)
        (4, 4)
    """
    return dilation * (kernel - 1), dilation * (kernel - 1)


def convolution_parameters(
    in_channels: int, out_channels: int, *, kernel: tuple[int, ...], groups: int = 1,
    bias: bool = True,
) -> int:  # fmt: skip
    """Weights and biases of a convolution.

    Args:
        in_channels: of the input.
        out_channels: of the result, one bias each.
        kernel: size along each axis.
        groups: channels are divided into; `in_channels` of them make it depthwise.
        bias: whether it has any.

    Example:
        >>> convolution_parameters(3, 64, kernel=(7, 7), bias=False)
        9408
    """
    weights = in_channels // groups * out_channels * prod(kernel)
    return weights + (out_channels if bias else 0)


def linear_parameters(in_features: int, out_features: int, *, bias: bool = True) -> int:
    """Weights and biases of a linear layer.

    Example:
        >>> linear_parameters(512, 1000)
        513000
    """
    return in_features * out_features + (out_features if bias else 0)


def convolution_multiply_adds(
    in_channels: int, out_channels: int, *, kernel: tuple[int, ...], output: tuple[int, ...],
    groups: int = 1,
) -> int:  # fmt: skip
    """Multiplications, each with its addition, of a convolution of one example.

    Args:
        in_channels: of the input.
        out_channels: of the result.
        kernel: size along each axis.
        output: size of the result along each axis.
        groups: channels are divided into.

    Example:
        >>> convolution_multiply_adds(3, 64, kernel=(7, 7), output=(112, 112))
        118013952
    """
    weights = convolution_parameters(
        in_channels, out_channels, kernel=kernel, groups=groups, bias=False
    )
    return weights * prod(output)


def _check(**at_least_one: int) -> None:
    for name, value in at_least_one.items():
        if value < 1:
            raise must_be(name, "at least 1", value)
