"""Blocks against torchvision's, whose weights they are given, and against what is written out."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.densenet import _DenseBlock
from torchvision.models.resnet import Bottleneck as TheirBottleneck
from torchvision.models.resnet import conv1x1
from torchvision.ops import SqueezeExcitation

from netwright._errors import BadValue
from netwright.models.layers.dense_block import DenseBlock
from netwright.models.layers.inception import Inception
from netwright.models.layers.residual_block import Bottleneck
from netwright.models.layers.squeeze_excite import SqueezeExcite


def alike(ours, theirs):
    """Give theirs our weights, in the order of both, and compare value and all gradients."""
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean)
    ours, theirs = ours.double(), theirs.double()
    given = dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
    theirs.load_state_dict(given)
    for training in (True, False):
        x = torch.randn(4, 16, 6, 7, dtype=torch.float64, requires_grad=True)
        found, expected = ours.train(training)(x), theirs.train(training)(x)
        torch.testing.assert_close(found, expected)
        weight = torch.randn_like(found)
        one = torch.autograd.grad((found * weight).sum(), [x, *ours.parameters()])
        other = torch.autograd.grad((expected * weight).sum(), [x, *theirs.parameters()])
        for left, right in zip(one, other, strict=True):
            assert float(right.abs().sum()) > 0
            torch.testing.assert_close(left, right)


@pytest.mark.parametrize("stride", [1, 2])
def test_bottleneck_is_torchvisions(stride):
    down = nn.Sequential(conv1x1(16, 32, stride), nn.BatchNorm2d(32))
    theirs = TheirBottleneck(16, 8, stride=stride, downsample=down)
    alike(Bottleneck(16, 32, stride=stride), theirs)


def test_a_fresh_bottleneck_passes_on_what_came_in():
    maps = torch.randn(2, 8, 5, 5)
    assert torch.equal(Bottleneck(8, 8)(maps), maps.clamp(min=0))


def test_the_counts_of_the_bottleneck():
    weights = sum(p.numel() for p in Bottleneck(256, 256).parameters() if p.dim() == 4)
    assert weights == 256 * 64 + 64 * 64 * 9 + 64 * 256 == 69632
    bare = Bottleneck(12, 12, shrink=3, norm=lambda _: nn.Identity())
    expected = (12 * 4 + 4) + (4 * 4 * 9 + 4) + (4 * 12 + 12)  # biases where no norm moves the mean
    assert sum(p.numel() for p in bare.parameters()) == expected


def test_dense_block_is_torchvisions():
    theirs = _DenseBlock(3, 16, bn_size=4, growth_rate=6, drop_rate=0.0)
    alike(DenseBlock(16, growth=6, depth=3), theirs)


def test_the_count_of_the_dense_block():
    count = sum(p.numel() for p in DenseBlock(10, growth=4, depth=3).parameters())
    expected = sum(2 * seen + seen * 16 + 2 * 16 + 16 * 4 * 9 for seen in (10, 14, 18))
    assert count == expected


def test_squeeze_excite_is_torchvisions():
    alike(SqueezeExcite(16, shrink=4), SqueezeExcitation(16, 4))
    assert sum(p.numel() for p in SqueezeExcite(16, shrink=4).parameters()) == 16 * 4 * 2 + 4 + 16


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_inception_is_what_is_written_out(activation):
    block = Inception(6, 16, norm=lambda _: nn.Identity(), activation=activation).double()
    state = dict(block.named_parameters())
    function = {nn.ReLU: torch.relu, nn.Tanh: torch.tanh}[activation]

    def conv(x, name, size):
        weight = state[f"{name}.convolution.weight"]
        assert weight.shape[2:] == (size, size)
        bias = state[f"{name}.convolution.bias"]
        return function(F.conv2d(x, weight, bias, padding=size // 2))

    x = torch.randn(3, 6, 5, 7, dtype=torch.float64, requires_grad=True)
    padded = F.pad(x, (1, 1, 1, 1), value=-torch.inf)
    largest = padded.unfold(2, 3, 1).unfold(3, 3, 1).amax((-1, -2))
    expected = torch.cat(
        [
            conv(x, "one", 1),
            conv(conv(x, "three.0", 1), "three.1", 3),
            conv(conv(x, "five.0", 1), "five.1", 5),
            conv(largest, "most.1", 1),
        ],
        dim=1,
    )
    found = block(x)
    torch.testing.assert_close(found, expected)
    leaves = [x, *block.parameters()]
    ours = torch.autograd.grad(found.square().sum(), leaves)
    for one, other in zip(ours, torch.autograd.grad(expected.square().sum(), leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_inception_3a_has_googlenets_parameters():
    block = Inception(192, 256, norm=lambda _: nn.Identity())
    assert sum(p.numel() for p in block.parameters()) == 163696
    assert block(torch.zeros(1, 192, 4, 4)).shape == (1, 256, 4, 4)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (partial(Inception, 4, 12), "channels must be a positive multiple of 8"),
        (partial(DenseBlock, 4, growth=0), "growth must be at least 1"),
        (partial(DenseBlock, 4, depth=0), "depth must be at least 1"),
        (partial(SqueezeExcite, 4, shrink=0), "shrink must be at least 1"),
        (partial(Bottleneck, 4, 4, shrink=0), "shrink must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused(build, sentence):
    with pytest.raises(BadValue, match=sentence):
        build()
