"""Non-linearities by name, for networks that are described in plain data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

from torch import nn

from netwright._errors import unknown

__all__ = ["ACTIVATIONS", "activation"]

ACTIVATIONS: MappingProxyType[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "leaky-relu": nn.LeakyReLU,
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "silu": nn.SiLU,
        "softmax": partial(nn.Softmax, dim=1),
        "tanh": nn.Tanh,
    }
)


def activation(name: str) -> nn.Module:
    """A fresh non-linearity.

    Softmax is taken over the units of a layer, or over the channels at each pixel.

    Example:
        >>> activation("leaky-relu")
        LeakyReLU(negative_slope=0.01)

    Raises:
        BadValue: nothing of that name; the nearest names are listed.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()
