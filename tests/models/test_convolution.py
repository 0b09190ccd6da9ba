from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.signal import correlate2d

from netwright._errors import BadValue
from netwright.models.layers.convolution import convolution
from netwright.models.layers.separable_convolution import SeparableConvolution
from netwright.models.layers.transposed_convolution import transposed_convolution


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def in_loops(x, weight, bias, *, padding, stride, dilation, groups):
    """Every output pixel added up by itself, zeros where there is no pixel."""
    n, _, height, width = x.shape
    channels, per_group, *kernel = weight.shape
    step, spread = pair(stride), pair(dilation)
    reach = [d * (k - 1) for k, d in zip(kernel, spread, strict=True)]
    total = [{"valid": 0, "same": 1, "full": 2}[padding] * r for r in reach]
    sizes = [
        (size - r - 1 + p) // s + 1
        for size, r, p, s in zip((height, width), reach, total, step, strict=True)
    ]
    out = torch.zeros(n, channels, *sizes, dtype=x.dtype)
    for c, i, j in itertools.product(range(channels), *map(range, sizes)):
        first = c // (channels // groups) * per_group
        for a, b in itertools.product(*map(range, kernel)):
            row = i * step[0] + a * spread[0] - total[0] // 2
            column = j * step[1] + b * spread[1] - total[1] // 2
            if 0 <= row < height and 0 <= column < width:
                seen = x[:, first : first + per_group, row, column]
                out[:, c, i, j] = out[:, c, i, j] + seen @ weight[c, :, a, b]
        if bias is not None:
            out[:, c, i, j] = out[:, c, i, j] + bias[c]
    return out


def grad_of(value, leaves):
    return torch.autograd.grad(value.square().sum() + value.sum(), leaves)


def assert_same(value, expected, leaves):
    torch.testing.assert_close(value, expected)
    for one, other in zip(grad_of(value, leaves), grad_of(expected, leaves), strict=True):
        assert float(other.abs().sum()) > 0
        torch.testing.assert_close(one, other)


def convolution_in(layer):
    return layer[-1] if isinstance(layer, torch.nn.Sequential) else layer


@pytest.mark.parametrize("padding", ["valid", "same", "full"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": (3, 2), "stride": (1, 2), "dilation": (2, 1)},
        {"kernel_size": 3, "stride": 2, "dilation": 2, "groups": 2, "bias": False},
        {"kernel_size": 4, "groups": 2},
    ],
)
def test_value_and_gradient_equal_the_loops(padding, options):
    layer = convolution(4, 6, padding=padding, **options).double()
    conv = convolution_in(layer)
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    weight, bias = conv.weight, conv.bias
    leaves = [x, weight] + ([] if bias is None else [bias])
    how = {"stride": 1, "dilation": 1, "groups": 1} | options
    how = {name: how[name] for name in ("stride", "dilation", "groups")}
    assert_same(layer(x), in_loops(x, weight, bias, padding=padding, **how), leaves)


@pytest.mark.parametrize("padding", ["valid", "same", "full"])
def test_modes_are_scipys(padding):
    layer = convolution(1, 1, kernel_size=4, padding=padding, bias=False).double()
    x = torch.randn(1, 1, 9, 6, dtype=torch.float64)
    kernel = convolution_in(layer).weight.detach()[0, 0].numpy()
    full = torch.from_numpy(correlate2d(x[0, 0].numpy(), kernel, mode="full"))
    cut = {"full": slice(0, None), "valid": slice(3, -3), "same": slice(2, -1)}[padding]
    torch.testing.assert_close(layer(x)[0, 0], full[cut, cut])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_output_sizes(stride, kernel_size, dilation):
    for size in (10, 11, 12):
        reach = dilation * (kernel_size - 1)
        expected = {
            "valid": (size - reach - 1) // stride + 1,
            "same": math.ceil(size / stride),
            "full": (size + reach - 1) // stride + 1,
        }
        for padding, side in expected.items():
            layer = convolution(
                1, 1, kernel_size=kernel_size, padding=padding, stride=stride, dilation=dilation
            )
            assert layer(torch.zeros(1, 1, size, size)).shape[2:] == (side, side)


def test_biases_are_counted():
    count = sum(p.numel() for p in convolution(8, 12, kernel_size=(3, 5), groups=4).parameters())
    assert count == 12 * (8 // 4) * 3 * 5 + 12


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"padding": "sane"}, "Did you mean same"),
        ({"groups": 3}, "channels_in must be a positive multiple of groups"),
        ({"groups": 0}, "multiple of groups"),
        ({"kernel_size": 0}, "kernel_size must be"),
        ({"stride": (1, 2, 3)}, "stride must be"),
        ({"dilation": 0}, "dilation must be"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        convolution(4, 4, **keywords)


@pytest.mark.parametrize("options", [{}, {"kernel_size": 4, "stride": 2}, {"dilation": 2}])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_separable_is_both_in_loops(options, padding):
    layer = SeparableConvolution(3, 5, padding=padding, **options).double()
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True)
    depth = convolution_in(layer.depthwise).weight
    point = layer.pointwise.weight
    how = {"stride": 1, "dilation": 1} | options
    how = {name: how[name] for name in ("stride", "dilation")}
    each = in_loops(x, depth, None, padding=padding, groups=3, **how)
    expected = torch.einsum("nchw,dc->ndhw", each, point[:, :, 0, 0])
    expected = expected + layer.pointwise.bias[:, None, None]
    assert_same(layer(x), expected, [x, depth, point, layer.pointwise.bias])
    kernel = options.get("kernel_size", 3)
    assert sum(p.numel() for p in layer.parameters()) == 3 * kernel**2 + 3 * 5 + 5


def painted(x, weight, bias, *, stride, groups):
    """Each pixel paints the kernel; what is over S · I is cut, the larger half before."""
    n, channels_in, height, width = x.shape
    per_group, kernel = weight.shape[1], weight.shape[2]
    full = max(kernel, stride)
    canvas = torch.zeros(
        n, per_group * groups, (height - 1) * stride + full, (width - 1) * stride + full
    ).to(x)
    for c, i, j in itertools.product(range(channels_in), range(height), range(width)):
        to = c // (channels_in // groups) * per_group
        stroke = torch.einsum("n,okl->nokl", x[:, c, i, j], weight[c])
        rows = slice(i * stride, i * stride + kernel)
        columns = slice(j * stride, j * stride + kernel)
        layer = torch.zeros_like(canvas)
        layer[:, to : to + per_group, rows, columns] = stroke
        canvas = canvas + layer
    cut = -(-max(kernel - stride, 0) // 2)
    shown = canvas[:, :, cut : cut + stride * height, cut : cut + stride * width]
    return shown if bias is None else shown + bias[:, None, None]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kernel_size": 3},
        {"kernel_size": 5, "groups": 2},
        {"kernel_size": 2, "stride": 3},
        {"kernel_size": 3, "stride": 1, "bias": False},
        {"kernel_size": 7, "stride": 4},
    ],
)
def test_transposed_is_painted_and_cut(options):
    layer = transposed_convolution(4, 6, **options).double()
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    stride, groups = options.get("stride", 2), options.get("groups", 1)
    assert layer(x).shape == (2, 6, 3 * stride, 5 * stride)
    expected = painted(x, layer.weight, layer.bias, stride=stride, groups=groups)
    leaves = [x, layer.weight] + ([] if layer.bias is None else [layer.bias])
    assert_same(layer(x), expected, leaves)
    kernel = options.get("kernel_size", 4)
    biases = 6 if options.get("bias", True) else 0
    assert sum(p.numel() for p in layer.parameters()) == 4 * (6 // groups) * kernel**2 + biases


def test_transposed_is_the_gradient_of_a_convolution():
    up = transposed_convolution(2, 3, bias=False).double()
    down = convolution(3, 2, kernel_size=4, padding="valid", stride=2, bias=False).double()
    down.weight.data = up.weight.data
    large = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    small = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    bordered = torch.nn.functional.pad(large, (1, 1, 1, 1))
    torch.testing.assert_close((up(small) * large).sum(), (down(bordered) * small).sum())


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"kernel_size": 4, "stride": 1}, "kernel_size must be odd"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"stride": 0}, "stride must be at least 1"),
    ],
)
def test_transposed_refuses(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        transposed_convolution(2, 2, **keywords)
