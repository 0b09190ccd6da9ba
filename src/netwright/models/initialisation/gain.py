"""By how much a weight matrix must make up for the non-linearity that follows it."""

from __future__ import annotations

import math

import torch
from torch import nn

from netwright._errors import unknown
from netwright.models.layers.activation import ACTIVATIONS

__all__ = ["gain"]

_KNOWN = {
    "linear": "linear",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "leaky-relu": "leaky_relu",
}
_SPREAD = 12.0  # standard deviations; beyond them there is less than 1e-30 of the normal law
_POINTS = 20_001


def gain(activation: str) -> float:
    """What keeps the size of a signal: √2 for ReLU, 1 for no activation.

    torch's own numbers where it has them; elsewhere 1/√E[f(z)²] for a standard normal z, which is
    what √2 is for ReLU. GELU and SiLU are not proportional: once it is off 1, the size of a signal
    drifts away through dozens of layers with these numbers too; LSUV measures instead.

    Args:
        activation: linear, or a name of the catalogue of activations.

    Example:
        >>> round(gain("relu") ** 2, 6), round(gain("gelu"), 3)
        (2.0, 1.534)
    """
    if activation in _KNOWN:
        return float(nn.init.calculate_gain(_KNOWN[activation]))  # type: ignore[arg-type]
    if activation not in ACTIVATIONS or activation == "softmax":
        named = [name for name in ACTIVATIONS if name != "softmax"]
        raise unknown("activation", activation, ["linear", *named])
    points = torch.linspace(-_SPREAD, _SPREAD, _POINTS, dtype=torch.float64)
    density = (-points.square() / 2).exp() / math.sqrt(2 * math.pi)
    square = ACTIVATIONS[activation]()(points).square()
    return 1 / math.sqrt(float(torch.trapezoid(square * density, points)))
