from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from netwright._errors import BadValue
from netwright.models.classifiers.lenet import LeNet


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_count_is_the_literatures_with_all_maps_connected():
    # C1 156, C3 2416, C5 48120, F6 10164, output 850
    assert count(LeNet(10, in_channels=1)) == 61706
    assert count(LeNet(10, in_channels=1, image_size=32)) == 61706


@pytest.mark.parametrize(("size", "left"), [(16, (1, 1)), (28, (4, 4)), ((20, 33), (2, 5))])
def test_forward_and_gradient_equal_the_written_out_layers(size, left):
    network = LeNet(7, in_channels=2, image_size=size).double()
    height, width = (size, size) if isinstance(size, int) else size
    pictures = torch.randn(3, 2, height, width, dtype=torch.float64)
    leaves = [parameter.detach().clone().requires_grad_() for parameter in network.parameters()]
    assert leaves[4].shape == (120, 16 * left[0] * left[1])
    maps = F.max_pool2d(F.conv2d(pictures, leaves[0], leaves[1]).clamp(min=0), 2)
    maps = F.max_pool2d(F.conv2d(maps, leaves[2], leaves[3]).clamp(min=0), 2)
    features = F.linear(maps.reshape(3, -1), leaves[4], leaves[5]).clamp(min=0)
    features = F.linear(features, leaves[6], leaves[7]).clamp(min=0)
    expected = F.linear(features, leaves[8], leaves[9])
    scores = network(pictures)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    expected.square().sum().backward()
    for parameter, leaf in zip(network.parameters(), leaves, strict=True):
        assert float(parameter.grad.abs().sum()) > 0
        torch.testing.assert_close(parameter.grad, leaf.grad)


def test_one_picture_copies_and_pickles():
    network = LeNet(10, in_channels=1, activation="tanh").eval()
    picture = torch.randn(1, 1, 32, 32)
    assert network(picture).shape == (1, 10)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(again(picture), network(picture))


@pytest.mark.parametrize("size", [15, 8, (32, 15)])
def test_too_small_a_picture_is_refused_with_the_smallest_size(size):
    with pytest.raises(BadValue, match="image_size must be at least 16 for lenet"):
        LeNet(10, image_size=size)
