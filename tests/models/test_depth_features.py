"""Features by depth against the network taken apart by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from netwright.models import create
from netwright.models.depth import depth_blocks
from netwright.models.depth_features import features_by_depth


def rows_of(network, inputs):
    return features_by_depth(network, inputs, blocks=depth_blocks(network, inputs[:1]))


def test_a_residual_network_taken_apart():
    torch.manual_seed(0)
    network = create("small-resnet", num_classes=3, in_channels=3, image_size=32)
    network.train()
    pictures = torch.randn(4, 3, 32, 32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = rows_of(network, pictures)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert list(found) == ["input", "stem", "stages.0", "stages.1", "stages.2"]
    with torch.no_grad():
        network.eval()
        stem = network.stem(pictures)
        first, second = network.stages[0](stem), network.stages[1](network.stages[0](stem))
    torch.testing.assert_close(found["input"], F.adaptive_avg_pool2d(pictures, 13).flatten(1))
    torch.testing.assert_close(found["stem"], F.adaptive_avg_pool2d(stem, 4).flatten(1))
    torch.testing.assert_close(found["stages.0"], F.adaptive_avg_pool2d(first, 4).flatten(1))
    torch.testing.assert_close(found["stages.1"], F.adaptive_avg_pool2d(second, 2).flatten(1))
    last = network.stages[2](second).mean((2, 3))
    torch.testing.assert_close(found["stages.2"], last)
    torch.testing.assert_close(network.head(found["stages.2"]), network(pictures))


def test_sequences_are_averaged_and_window_maps_turned():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 20, 4, stride=4)
            self.window = nn.Linear(20, 20)
            self.block = nn.Linear(20, 6)
            self.head = nn.Linear(6, 2)

        def forward(self, pictures):
            maps = self.window(self.patches(pictures).permute(0, 2, 3, 1))
            self.maps, self.tokens = maps, self.block(maps.flatten(1, 2))
            return self.head(self.tokens).mean(1)

    network = Tokens()
    pictures = torch.randn(2, 3, 8, 8)
    found = rows_of(network, pictures)
    assert list(found) == ["input", "patches", "window", "block"]
    torch.testing.assert_close(found["block"], network.tokens.mean(1))
    torch.testing.assert_close(found["window"], network.maps.flatten(1, 2).mean(1))
    turned = network.patches(pictures)  # given to the window as (n, h, w, c)
    torch.testing.assert_close(found["patches"], turned.flatten(1))


def test_wide_rows_are_projected_the_same_way_each_time_and_keep_their_lengths():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    wide = torch.randn(2, 5000)
    inputs = nn.Sequential(nn.Flatten(), nn.Linear(5000, 3), network)
    found = rows_of(inputs, wide)["input"]
    assert found.shape == (2, 512)
    assert torch.equal(found, rows_of(inputs, wide)["input"])
    ratio = found.norm(dim=1) / wide.norm(dim=1)
    torch.testing.assert_close(ratio, torch.ones(2), atol=0.15, rtol=0)
