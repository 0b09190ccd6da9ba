"""Poolings of feature maps by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from torch import nn

from netwright._errors import unknown
from netwright.models.layers.median_pool import MedianPool2d

__all__ = ["POOLINGS", "pooling"]

POOLINGS: MappingProxyType[str, Callable[[int], nn.Module]] = MappingProxyType(
    {"max": nn.MaxPool2d, "mean": nn.AvgPool2d, "median": MedianPool2d}
)


def pooling(name: str) -> nn.Module:
    """One number for every 2x2 pixels.

    Example:
        >>> pooling("mean")
        AvgPool2d(kernel_size=2, stride=2, padding=0)

    Raises:
        BadValue: nothing of that name; the nearest names are listed.
    """
    if name not in POOLINGS:
        raise unknown("pool", name, POOLINGS)
    return POOLINGS[name](2)
