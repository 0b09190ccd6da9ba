"""Which layer is taken where none is named."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from netwright import explain
from netwright._errors import BadValue


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("resnet18", {}, "layer4"),
        ("googlenet", {"init_weights": False}, "inception5b"),
        ("googlenet", {"init_weights": False, "aux_logits": False}, "inception5b"),
        ("densenet121", {}, "features"),
        ("mobilenet_v2", {}, "features"),
        ("squeezenet1_1", {}, "classifier.2"),
        ("swin_t", {}, "permute"),
    ],
)
def test_of_known_networks(name, settings, expected):
    network = models.get_model(name, **settings)
    assert explain.default_layer(network, torch.randn(2, 3, 64, 64)) == expected


def test_the_activation_where_it_is_a_module_and_the_pool_where_it_keeps_places():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    assert explain.default_layer(network, torch.randn(1, 3, 8, 8)) == "2"
    network[2], network[4] = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)
    assert explain.default_layer(network, torch.randn(1, 3, 8, 8)) == "1"


def test_a_head_aside_is_not_taken():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.aside = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            maps = self.body(x)
            return self.head(maps.mean((2, 3))), self.aside(maps)

    network, inputs = TwoHeads(), torch.randn(2, 3, 8, 8)
    assert explain.default_layer(network, inputs, target=lambda out: out[0][:, 0]) == "body"
    assert explain.default_layer(network, inputs, target=lambda out: out[1].mean((1, 2, 3))) == (
        "aside"
    )


def test_one_that_changes_nothing_is_passed_over():
    class Silent(nn.Module):
        def __init__(self, after):
            super().__init__()
            self.body, self.aside = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
            self.after, self.head = after, nn.Linear(4, 2)

        def forward(self, x):
            maps = self.body(x)
            return self.head((maps + F.pad(self.after(self.aside(maps)) * 0, [1] * 4)).mean((2, 3)))

    for after in (nn.Identity(), nn.Sequential(nn.ReLU(), nn.ReLU())):
        network, inputs = Silent(after), torch.randn(2, 3, 8, 8)
        assert explain.default_layer(network, inputs) == "body"
        assert explain.signed_grad_cam(network, inputs).abs().amax((1, 2)).all()
        nn.init.zeros_(network.head.weight)  # as networks begin: then the last counts as ever
        assert explain.default_layer(network, inputs).startswith("a")


class Attention(nn.Module):
    """Attention written by hand, with a linear layer for each part."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dropout, self.out = nn.Dropout(0.1), nn.Linear(width, width)

    def forward(self, x):
        parts = [
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        weights = (parts[0] @ parts[1].transpose(2, 3) / parts[0].shape[3] ** 0.5).softmax(-1)
        return self.out((self.dropout(weights) @ parts[2]).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, 2)

    def forward(self, x):
        return x + self.attention(self.norm(x))


class Tokens(nn.Module):
    """A small vision transformer; `ahead` tokens come first, and the first of them is read."""

    def __init__(self, ahead):
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.ahead = nn.Parameter(torch.randn(1, ahead, 8))
        self.blocks = nn.ModuleList(Block(8) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.ahead.expand(len(x), -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0] if self.ahead.shape[1] else self.norm(x).mean(1))


@pytest.mark.parametrize(
    ("ahead", "expected"), [(1, "blocks.1.norm"), (5, "blocks.1.norm"), (0, "norm")]
)
def test_tokens_are_taken_where_they_are_last_read(ahead, expected):
    network, inputs = Tokens(ahead), torch.randn(2, 3, 12, 20)
    assert explain.default_layer(network, inputs) == expected
    assert explain.grad_cam(network, inputs, size=(3, 5)).shape == (2, 3, 5)


def test_channels_may_be_last():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 6, 3), nn.LayerNorm(6)
            self.head = nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.norm(self.first(x).permute(0, 2, 3, 1)).mean((1, 2)))

    network, inputs = Last(), torch.randn(2, 3, 8, 5)
    assert explain.default_layer(network, inputs) == "norm"
    found = explain.signed_grad_cam(network, inputs, target=1, size=(6, 3))
    maps = network.norm(network.first(inputs).permute(0, 2, 3, 1))
    assert torch.allclose(found, (maps * network.head.weight[1]).sum(3).detach() / 18, atol=1e-6)


def test_a_network_without_maps_is_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(BadValue, match=r"model must be one with maps .* got model='Sequential'"):
        explain.default_layer(network, torch.randn(1, 3, 2, 2))
