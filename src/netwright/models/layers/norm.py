"""Normalisations of feature maps by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from torch import nn

from netwright._errors import unknown
from netwright.models.layers.local_response_norm import local_response_norm

__all__ = ["NORMS", "MakeNorm", "norm"]

MakeNorm = Callable[[int], nn.Module]
"""From a number of channels to a normalisation of as many."""

NORMS: MappingProxyType[str, MakeNorm] = MappingProxyType(
    {
        "batch": nn.BatchNorm2d,
        "layer": lambda channels: nn.GroupNorm(1, channels),
        "local-response": lambda channels: local_response_norm(),
        "none": lambda channels: nn.Identity(),
    }
)


def norm(name: str) -> MakeNorm:
    """What makes a normalisation of feature maps.

    Example:
        >>> norm("local-response")(8)
        LocalResponseNorm(5, alpha=0.0005, beta=0.75, k=2.0)

    Raises:
        BadValue: nothing of that name; the nearest names are listed.
    """
    if name not in NORMS:
        raise unknown("norm", name, NORMS)
    return NORMS[name]
