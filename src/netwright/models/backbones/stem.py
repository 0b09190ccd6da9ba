"""Trained weights of a first convolution for pictures of other channels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["spread"]


def spread(weight: Float[Tensor, "o c h w"], in_channels: int) -> Float[Tensor, "o c2 h w"]:
    """The weights of a first convolution, so that grey pictures are answered like coloured ones.

    One channel takes the sum over red, green and blue (the response to a grey picture given three
    times); more channels take them in turn, scaled by 3 / in_channels.

    Example:
        >>> spread(torch.ones(1, 3, 1, 1), 1).flatten().tolist()
        [3.0]
    """
    if in_channels == 1:
        return weight.sum(1, keepdim=True)
    turns = torch.arange(in_channels) % weight.shape[1]
    return weight[:, turns] * (weight.shape[1] / in_channels)
