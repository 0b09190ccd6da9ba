"""Keywords of the networks: what they answer, or what they are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright.models import catalogue
from netwright.models.backbones import timm, torchvision
from netwright.models.classifiers.alexnet import AlexNet
from netwright.models.classifiers.capsnet import CapsNet
from netwright.models.classifiers.cell_network import CellNetwork
from netwright.models.classifiers.googlenet import GoogLeNet
from netwright.models.classifiers.inception_resnet_v1 import InceptionResNetV1, ResidualInception
from netwright.models.classifiers.lenet import LeNet
from netwright.models.classifiers.linear import Linear
from netwright.models.classifiers.mlp import MLP
from netwright.models.classifiers.perceptron import Perceptron
from netwright.models.classifiers.shufflenet_v1 import ShuffleNetV1, ShuffleUnit
from netwright.models.classifiers.small_resnet import SmallResNet
from netwright.models.classifiers.vit import ViT
from netwright.models.initialisation.blocks import redraw
from netwright.models.initialisation.constant import constant
from netwright.models.initialisation.heuristic_uniform import heuristic_uniform
from netwright.models.initialisation.kaiming import kaiming_normal, kaiming_uniform
from netwright.models.initialisation.lecun_normal import lecun_normal
from netwright.models.initialisation.lsuv import lsuv
from netwright.models.initialisation.normal import normal
from netwright.models.initialisation.orthogonal import orthogonal
from netwright.models.initialisation.xavier import xavier_normal, xavier_uniform

PICTURES = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
ROWS = torch.linspace(-1, 1, 6).reshape(2, 3)


def built(build: Any, inputs: Tensor) -> Any:
    """The module, and its answer in training mode: dropout shows only there."""

    def call(_: object, **keyword: Any) -> tuple[nn.Module, Tensor]:
        module = build(**keyword)
        channels = keyword.get("in_channels", inputs.shape[1])
        return module, module(inputs[:, :1].expand(-1, channels, *inputs.shape[2:]))

    return call


def layers_of(build: Any, image_size: int) -> Case:
    """The size of the pictures decides the layers (an answer to other pictures shows nothing)."""
    return Case(lambda _, **keyword: build(5, **keyword), {"image_size": image_size})


def shapes(build: Any, name: str, **keyword: Any) -> dict[str, tuple[int, ...]]:
    """What a large network would be made of, without making it."""
    with torch.device("meta"):
        network = build(name, num_classes=3, options={}, **keyword)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def unmade(build: Any, **keyword: Any) -> nn.Module:
    """A large network without its numbers."""
    with torch.device("meta"):
        network: nn.Module = build(5, **keyword)
    return network


def started(begin: Any, **fixed: Any) -> Any:
    """A small network after a law."""

    def call(_: object, **keyword: Any) -> dict[str, Tensor]:
        network = MLP(2, in_channels=3, hidden=(5, 4))
        begin(network, **fixed, **keyword)
        return network.state_dict()

    return call


_SMALL_VIT = {"image_size": 32, "patch": 8, "width": 16, "depth": 1, "heads": 2}
CASES = {
    "netwright.models.initialisation.blocks:redraw": Case(
        started(redraw, law=lambda block: block.values.normal_(generator=block.generator)),
        {"seed": 1},
    ),
    "netwright.models.initialisation.constant:constant": Case(started(constant), {"value": 0.5}),
    "netwright.models.initialisation.normal:normal": Case(
        started(normal), {"deviation": 0.5, "seed": 1}
    ),
    "netwright.models.initialisation.lecun_normal:lecun_normal": Case(
        started(lecun_normal), {"seed": 1}
    ),
    "netwright.models.initialisation.heuristic_uniform:heuristic_uniform": Case(
        started(heuristic_uniform), {"seed": 1}
    ),
    **{
        f"netwright.models.initialisation.xavier:{law.__name__}": Case(
            started(law), {"gain": 2.0, "seed": 1}
        )
        for law in (xavier_normal, xavier_uniform)
    },
    **{
        f"netwright.models.initialisation.kaiming:{law.__name__}": Case(
            started(law), {"activation": "tanh", "fan": "out", "seed": 1}
        )
        for law in (kaiming_normal, kaiming_uniform)
    },
    "netwright.models.initialisation.orthogonal:orthogonal": Case(
        started(orthogonal), {"gain": 2.0, "seed": 1}
    ),
    "netwright.models.initialisation.lsuv:lsuv": Case(started(lsuv, inputs=ROWS), {"seed": 1}),
    "netwright.models.catalogue:create": (
        Case(
            lambda _, **keyword: catalogue.create("mlp", num_classes=3, **keyword),
            {"in_channels": 1, "image_size": 8},
        ),
        Case(
            lambda _, **keyword: repr(catalogue.create("small-resnet", num_classes=3, **keyword)),
            {"pretrained": True, "changes": {"stem.0": {"stride": [1, 1]}}},
        ),
    ),
    "netwright.models.catalogue:names": Case(
        lambda _, **keyword: catalogue.names(**keyword), {"pattern": "torchvision:res*"}
    ),
    "netwright.models.catalogue:search": Case(
        lambda _, **keyword: [entry.name for entry in catalogue.search("resnet", **keyword)],
        {"most_of_timm": 2},
    ),
    "netwright.models.backbones.timm:build": (
        Case(
            lambda _, **keyword: timm.build("resnet10t", num_classes=3, options={}, **keyword),
            {"in_channels": 1},
        ),
        Case(
            lambda _, **keyword: shapes(timm.build, "vit_tiny_patch16_224", **keyword),
            {"image_size": 64},
        ),
    ),
    "netwright.models.backbones.torchvision:build": (
        Case(
            lambda _, **keyword: torchvision.build(
                "squeezenet1_1", num_classes=3, options={}, **keyword
            ),
            {"in_channels": 1},
        ),
        Case(
            lambda _, **keyword: shapes(torchvision.build, "vit_b_32", **keyword),
            {"image_size": 64},
        ),
    ),
    "netwright.models.backbones.torchvision:widened": Case(
        lambda _, **keyword: torchvision.widened(nn.Conv2d(3, 4, 3), 1, **keyword),
        {"trained": True},
    ),
    "netwright.models.classifiers.capsnet:CapsNet": Case(
        built(
            lambda **keyword: CapsNet(
                5, **{"image_size": 32, "channels": 4, "maps": 2, "kernel_size": 5, **keyword}
            ),
            PICTURES,
        ),
        {
            "in_channels": 1,
            "image_size": 33,
            "channels": 5,
            "maps": 3,
            "dimensions": 4,
            "class_dimensions": 8,
            "kernel_size": 3,
            "routings": 2,
        },
    ),
    "netwright.models.classifiers.alexnet:AlexNet": Case(
        lambda _, **keyword: str(unmade(AlexNet, **keyword)),
        {"in_channels": 1, "image_size": 64, "dropout": 0.25},
    ),
    "netwright.models.classifiers.inception_resnet_v1:InceptionResNetV1": (
        Case(
            lambda _, **keyword: str(unmade(InceptionResNetV1, **keyword)),
            {"in_channels": 1, "blocks": (1, 2, 3), "dropout": 0.5, "image_size": 74},
        ),
        Case(
            lambda _, **keyword: [
                module.scale
                for module in unmade(InceptionResNetV1, **keyword).modules()
                if isinstance(module, ResidualInception)
            ],
            {"scales": (0.1, 0.2, 0.3)},
        ),
    ),
    "netwright.models.classifiers.perceptron:Perceptron": Case(
        lambda _, **keyword: Perceptron(5, **keyword),
        {"in_channels": 2, "image_size": 8, "association_units": 4},
    ),
    "netwright.models.classifiers.shufflenet_v1:ShuffleNetV1": Case(
        lambda _, **keyword: str(unmade(ShuffleNetV1, **keyword)),
        {"in_channels": 1, "groups": 2, "scale": 0.5},
    ),
    "netwright.models.classifiers.shufflenet_v1:ShuffleUnit": Case(
        lambda _, **keyword: ShuffleUnit(16, 32, **{"groups": 4, "stride": 2, **keyword}),
        {"first_groups": 1, "stride": 1},
    ),
    "netwright.models.classifiers.lenet:LeNet": (
        Case(
            built(lambda **keyword: LeNet(5, **{"image_size": 32, **keyword}), PICTURES),
            {"in_channels": 1, "activation": "tanh"},
        ),
        layers_of(LeNet, 64),
    ),
    "netwright.models.classifiers.linear:Linear": (
        Case(
            built(lambda **keyword: Linear(5, **keyword), ROWS), {"in_channels": 2, "bias": False}
        ),
        layers_of(Linear, 8),
    ),
    "netwright.models.classifiers.mlp:MLP": (
        Case(
            built(lambda **keyword: MLP(5, **keyword), ROWS),
            {
                "in_channels": 2,
                "hidden": (7,),
                "activation": "tanh",
                "dropout": 0.5,
                "norm": "batch",
            },
        ),
        layers_of(MLP, 8),
    ),
    "netwright.models.classifiers.small_resnet:SmallResNet": (
        Case(
            built(lambda **keyword: SmallResNet(5, **keyword), PICTURES),
            {"in_channels": 1, "width": 8, "blocks": (1, 1), "stem_stride": 4, "dropout": 0.5},
        ),
        layers_of(SmallResNet, 16),
    ),
    "netwright.models.classifiers.googlenet:GoogLeNet": (
        Case(
            built(lambda **keyword: GoogLeNet(5, **{"image_size": 32, **keyword}), PICTURES),
            {"in_channels": 1, "auxiliaries": ("3b",), "dropout": 0.1},
        ),
        Case(
            lambda _, **keyword: GoogLeNet(5, **keyword),
            {"image_size": 32, "auxiliary_dropout": 0.1},
        ),
    ),
    "netwright.models.classifiers.vit:ViT": (
        Case(
            built(lambda **keyword: ViT(5, **{**_SMALL_VIT, **keyword}), PICTURES),
            {
                "in_channels": 1,
                "patch": 4,
                "width": 24,
                "depth": 2,
                "heads": 4,
                "mlp_width": 9,
                "dropout": 0.5,
            },
        ),
        layers_of(lambda *classes, **keyword: ViT(*classes, **{**_SMALL_VIT, **keyword}), 64),
    ),
    "netwright.models.classifiers.cell_network:CellNetwork": (
        Case(
            built(lambda **keyword: CellNetwork(5, **keyword), PICTURES),
            {"in_channels": 1, "cell": ["skip"], "width": 4, "cells": 2, "stem_stride": 1},
        ),
        layers_of(CellNetwork, 16),
    ),
}
EXEMPT = {
    "netwright.models.weights:fit_weights(find_head)": "tests/models/test_model_weights.py",
    "netwright.models.weights:fit_weights(part)": "tests/models/test_model_weights.py",
    "netwright.models.weights:load_weights(part)": "tests/workflow/test_pretrained.py",
    "netwright.models.backbones.timm:build(pretrained)": "fetches weights: pytest -m data",
    "netwright.models.backbones.torchvision:build(pretrained)": "fetches weights: pytest -m data",
}
