from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models import create
from netwright.models.features import features, head_of


def test_features_of_a_residual_network_are_written_out():
    network = create("small-resnet", num_classes=3, in_channels=1, image_size=8)
    pictures = torch.randn(4, 1, 8, 8)
    network.train()
    found = features(network, pictures)
    network.eval()
    maps = network.stages(network.stem(pictures))
    torch.testing.assert_close(found, maps.mean((2, 3)))
    torch.testing.assert_close(network.head(found), network(pictures))
    assert head_of(network, pictures) is network.head


def test_the_network_is_left_as_it_was():
    network = create("small-resnet", num_classes=3, in_channels=1, image_size=8)
    network.train()
    network.stem.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    features(network, torch.randn(4, 1, 8, 8))
    assert network.training
    assert not network.stem.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(layer._forward_pre_hooks for layer in network.modules())


def test_maps_and_sequences_are_averaged():
    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(5, 2)

        def forward(self, tokens):
            return self.head(tokens).mean(1)

    tokens = torch.randn(3, 7, 5)
    torch.testing.assert_close(features(Sequence(), tokens), tokens.mean(1))
    maps = torch.randn(3, 5, 2, 4)
    found = features(nn.Sequential(nn.Conv2d(5, 2, 1)), maps)
    torch.testing.assert_close(found, maps.mean((2, 3)))


def test_the_last_that_is_carried_out_not_the_last_that_is_named():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)
            self.body = nn.Linear(3, 4)

        def forward(self, rows):
            return self.head(self.body(rows).relu())

    network, rows = Turned(), torch.randn(5, 3)
    torch.testing.assert_close(features(network, rows), network.body(rows).relu())


def test_nothing_to_look_at_is_refused():
    with pytest.raises(BadValue, match="linear layer or a convolution"):
        features(nn.ReLU(), torch.zeros(1, 2))
