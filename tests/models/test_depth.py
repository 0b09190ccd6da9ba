"""Blocks by depth: what they are called, that they hold everything once, that nothing changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from netwright._errors import BadValue
from netwright.models import create
from netwright.models.depth import depth_blocks

NAMES = {
    "torchvision:resnet18": (64, "conv1 layer1 layer2 layer3 layer4 fc"),
    "torchvision:vgg11": (
        32,
        "features.0 features.3 features.6 features.8 features.11 features.13 features.16 "
        "features.18 classifier.0 classifier.3 classifier.6",
    ),
    "torchvision:densenet121": (
        32,
        "features.conv0 features.denseblock1 features.transition1 features.denseblock2 "
        "features.transition2 features.denseblock3 features.transition3 features.denseblock4 "
        "classifier",
    ),
    "torchvision:mobilenet_v2": (
        32,
        " ".join(f"features.{place}" for place in range(19)) + " classifier",
    ),
    "torchvision:googlenet": (
        64,
        "conv1 conv2 conv3 inception3a inception3b inception4a inception4b inception4c inception4d "
        "inception4e inception5a inception5b fc",
    ),
    "torchvision:vit_b_16": (
        32,
        "conv_proj "
        + " ".join(f"encoder.layers.encoder_layer_{place}" for place in range(12))
        + " heads",
    ),
    "torchvision:swin_t": (
        32,
        " ".join(f"features.{place}" for place in range(8)) + " head",
    ),
    "torchvision:efficientnet_b0": (
        32,
        " ".join(f"features.{place}" for place in range(9)) + " classifier",
    ),
    "lenet": (32, "features classifier.1 classifier.3 classifier.5"),
    "small-resnet": (16, "stem stages.0 stages.1 stages.2 head"),
    "mlp": (None, "linear1 linear2 head"),
    "linear": (None, "head"),
}


def made(name: str, size: int | None) -> tuple[nn.Module, torch.Tensor]:
    if size is None:
        return create(name, num_classes=5, in_channels=4), torch.randn(2, 4)
    torch.manual_seed(0)
    return create(name, num_classes=5, image_size=size), torch.randn(2, 3, size, size)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_come_in_order_and_hold_every_parameter_once(name):
    size, expected = NAMES[name]
    network, example = made(name, size)
    blocks = depth_blocks(network, example)
    assert " ".join(block.name for block in blocks) == expected
    held = [path for block in blocks for path in block.parameters]
    every = dict(network.named_parameters())
    assert sorted(held) == sorted(every)
    for block in blocks:
        assert block.shared == ()
        for path, parameter in block.parameters.items():
            assert parameter is every[path]
        for path, module in block.modules.items():
            assert network.get_submodule(path) is module


def test_the_network_is_left_as_it_is():
    class Counting(nn.BatchNorm1d):
        def forward(self, inputs):
            self.num_batches_tracked.add_(1)
            return super().forward(inputs)

    network = nn.Sequential(nn.Linear(4, 8), Counting(8), nn.Dropout(), nn.Linear(8, 3))
    network[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    depth_blocks(network, torch.randn(5, 4, generator=torch.Generator()))
    assert [part.training for part in network] == [True, True, False, True]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(part._forward_pre_hooks for part in network.modules())


def test_a_vision_transformer_keeps_its_tokens_with_its_patches():
    network, example = made("torchvision:vit_b_16", 32)
    blocks = depth_blocks(network, example)
    assert {"class_token", "encoder.pos_embedding", "conv_proj.weight"} <= set(blocks[0].parameters)
    assert tuple(blocks[0].modules) == ("conv_proj",)
    assert "encoder.ln.weight" in blocks[-2].parameters  # a lone norm joins what is before it


def test_what_is_not_carried_out_joins_what_is_before():
    network = models.googlenet(num_classes=3, aux_logits=True, init_weights=False)
    blocks = {block.name: block for block in depth_blocks(network, torch.randn(1, 3, 64, 64))}
    assert "aux2" in blocks["inception5b"].modules
    assert tuple(blocks["fc"].modules) == ("fc",)


def test_order_is_that_of_execution_not_of_registration():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)
            self.norm = nn.LayerNorm(3)
            self.body = nn.Linear(3, 4)

        def forward(self, rows, scale=1.0):
            return self.head(self.body(self.norm(rows))) * scale

    blocks = depth_blocks(Turned(), {"rows": torch.zeros(2, 3), "scale": 2.0})
    assert [tuple(block.modules) for block in blocks] == [("norm", "body"), ("head",)]
    assert [block.name for block in blocks] == ["body", "head"]


def test_shared_parameters_are_in_the_first_block_that_uses_them_and_said():
    tied = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3, bias=False), nn.Linear(3, 2))
    tied[2].weight = tied[0].weight
    blocks = depth_blocks(tied, torch.zeros(2, 3))
    assert [tuple(block.parameters) for block in blocks] == [
        ("0.weight", "0.bias"),
        ("3.weight", "3.bias"),
    ]
    assert [block.shared for block in blocks] == [("0.weight",), ()]

    again = nn.Linear(3, 3)
    repeated = nn.Sequential(again, nn.ReLU(), again, nn.Linear(3, 2))
    assert [block.shared for block in depth_blocks(repeated, torch.zeros(2, 3))] == [
        ("0.weight", "0.bias"),
        (),
    ]


def test_a_single_layer_is_one_block():
    layer = nn.Linear(3, 2)
    (block,) = depth_blocks(layer, torch.zeros(1, 3))
    assert block.name == "weight"
    assert block.modules == {"": layer}


@pytest.mark.parametrize("network", [nn.ReLU(), nn.LazyLinear(3)])
def test_nothing_to_cut_is_refused(network):
    with pytest.raises(BadValue, match="network must be"):
        depth_blocks(network, torch.zeros(2, 3))
