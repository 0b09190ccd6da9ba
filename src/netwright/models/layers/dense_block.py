"""Layers that each see all before them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.layers.convolution_unit import MakeActivation
from netwright.models.layers.norm import MakeNorm

__all__ = ["DenseBlock"]


class DenseBlock(nn.Module):
    """Each layer sees what came in and what all layers before it found, and adds a few channels.

    A layer is norm, non-linearity, 1x1 convolution to four times `growth` channels, norm,
    non-linearity, 3x3 convolution to `growth`. The output has channels_in + depth · growth.

    Paper: Densely Connected Convolutional Networks, 2016, https://arxiv.org/abs/1608.06993

    Args:
        channels_in: of what comes in.
        growth: channels that each layer adds.
        depth: how many layers there are.
        norm: makes the normalisation of so many channels.
        activation: makes the non-linearity.

    Example:
        >>> DenseBlock(64, growth=32, depth=6).channels
        256
    """

    def __init__(
        self,
        channels_in: int,
        *,
        growth: int = 32,
        depth: int = 4,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        for name, value in (("growth", growth), ("depth", depth)):
            if value < 1:
                raise must_be(name, "at least 1", value)
        self.channels = channels_in + depth * growth
        self.layers = nn.ModuleList(
            nn.Sequential(
                norm(seen),
                activation(),
                nn.Conv2d(seen, 4 * growth, 1, bias=False),
                norm(4 * growth),
                activation(),
                nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
            )
            for seen in range(channels_in, self.channels, growth)
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        """What came in and what was found, one behind another in the channels."""
        found = inputs
        for layer in self.layers:
            found = torch.cat([found, layer(found)], dim=1)
        return found
