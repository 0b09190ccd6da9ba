"""Keywords of the layers: what they answer, or what they are made of."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from keyword_cases.case import Case
from keyword_cases.models import PICTURES, built
from netwright.models.classifiers.convnet import ConvNet
from netwright.models.layers.attention import Attention
from netwright.models.layers.attention_block import AttentionBlock
from netwright.models.layers.capsule_routing import route, squash
from netwright.models.layers.convolution import convolution
from netwright.models.layers.convolution_unit import ConvolutionUnit
from netwright.models.layers.dense_block import DenseBlock
from netwright.models.layers.hourglass import Hourglass, SwitchedHourglass
from netwright.models.layers.inception import Inception
from netwright.models.layers.local_response_norm import local_response_norm
from netwright.models.layers.median_pool import MedianPool2d
from netwright.models.layers.position import NoPosition
from netwright.models.layers.residual_block import BasicBlock, Bottleneck
from netwright.models.layers.separable_convolution import SeparableConvolution
from netwright.models.layers.squeeze_excite import SqueezeExcite
from netwright.models.layers.transposed_convolution import transposed_convolution
from netwright.models.layers.upsampling import Upsampling

SMALL = PICTURES[:, :, :9, :9]
DEEP = torch.linspace(-1, 1, 2 * 16 * 9 * 9).reshape(2, 16, 9, 9)
TOKENS = torch.linspace(-3, 3, 24).sin().reshape(1, 3, 8)
KERNELS = TOKENS.reshape(2, 3, 4, 1).repeat(1, 1, 2, 2)
INSIDE = {"norm": nn.InstanceNorm2d, "activation": nn.Tanh}

_HERE = "netwright.models.layers"

CASES = {
    "netwright.models.classifiers.convnet:ConvNet": Case(
        built(lambda **keyword: ConvNet(5, **{"widths": (8, 8), **keyword}), PICTURES),
        {
            "in_channels": 1,
            "image_size": 1,
            "block": "residual",
            "pool": "mean",
            "norm": "layer",
            "activation": "tanh",
            "padding": "valid",
            "widths": (4, 8),
            "dropout": 0.5,
        },
    ),
    f"{_HERE}.convolution:convolution": Case(
        built(partial(convolution, 3, 6), SMALL),
        {
            "kernel_size": 4,
            "padding": "full",
            "stride": 2,
            "dilation": 2,
            "groups": 3,
            "bias": False,
        },
    ),
    f"{_HERE}.separable_convolution:SeparableConvolution": Case(
        built(partial(SeparableConvolution, 3, 6), SMALL),
        {"kernel_size": 4, "padding": "full", "stride": 2, "dilation": 2},
    ),
    f"{_HERE}.transposed_convolution:transposed_convolution": Case(
        built(partial(transposed_convolution, 3, 6), SMALL),
        {"kernel_size": 5, "stride": 3, "groups": 3, "bias": False},
    ),
    f"{_HERE}.median_pool:MedianPool2d": Case(
        built(MedianPool2d, SMALL), {"kernel_size": 3, "stride": 1, "padding": 1}
    ),
    f"{_HERE}.local_response_norm:local_response_norm": Case(
        built(local_response_norm, SMALL), {"channels": 3, "alpha": 0.1, "beta": 0.5, "k": 1.0}
    ),
    f"{_HERE}.convolution_unit:ConvolutionUnit": Case(
        built(partial(ConvolutionUnit, 3, 6), SMALL),
        {"kernel_size": 5, "padding": "valid", "stride": 2, **INSIDE},
    ),
    f"{_HERE}.residual_block:BasicBlock": Case(
        built(partial(BasicBlock, 3, 4), SMALL), {"stride": 2, **INSIDE}
    ),
    f"{_HERE}.residual_block:Bottleneck": Case(
        built(partial(Bottleneck, 3, 8), SMALL), {"shrink": 2, "stride": 2, **INSIDE}
    ),
    f"{_HERE}.squeeze_excite:SqueezeExcite": Case(
        built(partial(SqueezeExcite, 16), DEEP), {"shrink": 4}
    ),
    f"{_HERE}.inception:Inception": Case(built(partial(Inception, 3, 16), SMALL), INSIDE),
    f"{_HERE}.dense_block:DenseBlock": Case(
        built(partial(DenseBlock, 3), SMALL), {"growth": 4, "depth": 2, **INSIDE}
    ),
    f"{_HERE}.hourglass:Hourglass": Case(
        built(partial(Hourglass, 3, 4, enlarge=Upsampling("nearest")), SMALL), INSIDE
    ),
    f"{_HERE}.hourglass:SwitchedHourglass": Case(
        built(partial(SwitchedHourglass, 3, 4), SMALL), INSIDE
    ),
    f"{_HERE}.capsule_routing:squash": Case(
        lambda _, **keyword: squash(TOKENS, **keyword), {"dim": 1}
    ),
    f"{_HERE}.capsule_routing:route": Case(
        lambda _, **keyword: route(
            TOKENS, TOKENS.reshape(2, 3, 4, 1).repeat(1, 1, 2, 2), **keyword
        ),
        {"routings": 2},
    ),
    f"{_HERE}.attention:Attention": Case(
        lambda _, **keyword: Attention(8, **keyword)(TOKENS, TOKENS),
        {"heads": 2},
    ),
    f"{_HERE}.attention_block:AttentionBlock": Case(
        built(partial(AttentionBlock, 3, 8, position=NoPosition()), SMALL), {"heads": 2}
    ),
}
EXEMPT: dict[str, str] = {}
