from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netwright._errors import BadValue
from netwright.models.layers.hourglass import Hourglass, SwitchedHourglass
from netwright.models.layers.transposed_convolution import transposed_convolution
from netwright.models.layers.upsampling import Upsampling


def bilinear(maps, height, width):
    """Lines between the centres of pixels, written out."""

    def weights(size, to):
        matrix = np.zeros((to, size))
        for place in range(to):
            centre = max((place + 0.5) * size / to - 0.5, 0.0)
            low = min(int(centre), size - 1)
            high = min(low + 1, size - 1)
            matrix[place, low] += 1 - (centre - low)
            matrix[place, high] += centre - low
        return torch.from_numpy(matrix)

    down, across = weights(maps.shape[2], height), weights(maps.shape[3], width)
    return torch.einsum("ih,nchw,jw->ncij", down, maps, across)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (3, 5)])
def test_bilinear_is_written_out(size):
    maps = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    found, expected = Upsampling("bilinear")(maps, size), bilinear(maps, *size)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(found)
    (one,) = torch.autograd.grad((found * weight).sum(), maps)
    (other,) = torch.autograd.grad((expected * weight).sum(), maps)
    torch.testing.assert_close(one, other)


def test_nearest_repeats():
    maps = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    found = Upsampling("nearest")(maps, (6, 12))
    expected = maps.repeat_interleave(2, dim=2).repeat_interleave(3, dim=3)
    assert torch.equal(found, expected)
    (gradient,) = torch.autograd.grad(found.sum(), maps)
    assert torch.equal(gradient, torch.full_like(maps, 6.0))


def test_an_unknown_mode_is_refused():
    with pytest.raises(BadValue, match="Did you mean bilinear"):
        Upsampling("bilinar")


def unit(x, part):
    return torch.relu(F.conv2d(x, part.convolution.weight, part.convolution.bias, padding=1))


def no_norm(_):
    return nn.Identity()


def unpooled(found, maps):
    """Each value where the maximum of its window was, by looking for it."""
    out = torch.zeros_like(maps)
    n, channels, height, width = found.shape
    for place in np.ndindex(n, channels, height, width):
        a, b, i, j = place
        window = maps[a, b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        row, column = divmod(int(window.argmax()), 2)
        mask = torch.zeros_like(maps)
        mask[a, b, 2 * i + row, 2 * j + column] = 1.0
        out = out + mask * found[place]
    return out


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_switched_hourglass_is_written_out(size):
    block = SwitchedHourglass(2, 3, norm=no_norm).double()
    x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    height, width = size[0] // 2, size[1] // 2
    even = x[:, :, : 2 * height, : 2 * width]
    largest = even.unflatten(3, (width, 2)).unflatten(2, (height, 2)).amax((3, 5))
    expected = unit(x + unpooled(unit(largest, block.low), x), block.high)
    compare(block, x, expected)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
@pytest.mark.parametrize("up", ["nearest", "bilinear", "transposed"])
def test_hourglass_is_written_out(size, up):
    enlarge = transposed_convolution(2, 2) if up == "transposed" else Upsampling(up)
    block = Hourglass(2, 3, enlarge=enlarge, norm=no_norm).double()
    x = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    height, width = size[0] // 2, size[1] // 2
    even = x[:, :, : 2 * height, : 2 * width]
    low = unit(even.unflatten(3, (width, 2)).unflatten(2, (height, 2)).amax((3, 5)), block.low)
    if up == "nearest":
        rows = torch.arange(size[0]) * height // size[0]
        columns = torch.arange(size[1]) * width // size[1]
        high = low[:, :, rows][:, :, :, columns]
    elif up == "bilinear":
        high = bilinear(low, *size)
    else:
        odd = tuple(side % 2 for side in size)
        high = F.conv_transpose2d(
            low, enlarge.weight, enlarge.bias, stride=2, padding=1, output_padding=odd
        )
    compare(block, x, unit(x + high, block.high))


def compare(block, x, expected):
    found = block(x)
    torch.testing.assert_close(found, expected)
    leaves = [x, *block.parameters()]
    ours = torch.autograd.grad(found.square().sum(), leaves)
    for one, other in zip(ours, torch.autograd.grad(expected.square().sum(), leaves), strict=True):
        assert float(other.abs().sum()) > 0
        torch.testing.assert_close(one, other)
