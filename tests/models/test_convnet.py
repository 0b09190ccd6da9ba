from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models.classifiers.convnet import ConvNet
from netwright.models.layers.blocks import BLOCKS
from netwright.models.layers.catalogue import LAYERS
from netwright.models.layers.median_pool import MedianPool2d
from netwright.models.layers.norm import NORMS
from netwright.models.layers.pooling import POOLINGS


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_plain_is_counted_by_hand():
    network = ConvNet(10, in_channels=3, widths=(8, 16), norm="none")
    assert count(network) == (27 * 8 + 8) + (72 * 8 + 8) + (72 * 16 + 16) + 16 * 10 + 10
    normed = ConvNet(10, in_channels=3, widths=(8, 16))
    assert count(normed) == (27 * 8 + 16) + (72 * 8 + 16) + (72 * 16 + 32) + 16 * 10 + 10


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("size", [8, (13, 17)])
def test_every_block_answers_and_learns(block, size):
    network = ConvNet(3, in_channels=2, image_size=size, widths=(8, 16), block=block)
    height, width = (size, size) if isinstance(size, int) else size
    scores = network(torch.randn(4, 2, height, width))
    assert scores.shape == (4, 3)
    scores.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
    shapes = {tuple(layer.weight.shape) for layer in network.modules() if hasattr(layer, "weight")
              and layer.weight is not None}  # fmt: skip
    assert len(shapes) > 2


@pytest.mark.parametrize("pool", POOLINGS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("padding", ["same", "valid", "full"])
def test_every_pooling_norm_and_padding(pool, norm, padding):
    network = ConvNet(3, in_channels=1, image_size=9, pool=pool, norm=norm, padding=padding,
                      widths=(4, 4), block="attention-relative")  # fmt: skip
    kinds = {"max": nn.MaxPool2d, "mean": nn.AvgPool2d, "median": MedianPool2d}
    assert any(isinstance(layer, kinds[pool]) for layer in network.modules())
    assert network(torch.randn(2, 1, 9, 9)).shape == (2, 3)


def test_dropout_acts_in_training_only():
    network = ConvNet(3, widths=(4, 8), dropout=0.5)
    pictures = torch.randn(4, 3, 32, 32)
    assert not torch.equal(network(pictures), network(pictures))
    network.eval()
    assert torch.equal(network(pictures), network(pictures))


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"block": "incepton"}, "Did you mean inception"),
        ({"pool": "media"}, "Did you mean median"),
        ({"norm": "bach"}, "Did you mean batch"),
        ({"padding": "half"}, "padding must be a known padding"),
        ({"activation": "rleu"}, "Did you mean relu"),
        ({"widths": ()}, "widths must be"),
        ({"widths": (4, 0)}, "widths must be"),
        ({"widths": (4, 12), "block": "inception"}, "multiple of 8 for inception"),
        ({"widths": (6,), "block": "attention"}, "multiple of heads"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"image_size": 7}, "image_size must be at least 8 for convnet"),
        ({"image_size": 9, "padding": "valid", "widths": (4,) * 4}, "at least 18"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        ConvNet(10, **keywords)


@pytest.mark.parametrize("entry", list(LAYERS), ids=lambda entry: entry.name)
def test_every_layer_of_the_catalogue_is_there(entry):
    assert callable(entry.load())
