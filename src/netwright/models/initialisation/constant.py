"""All weights alike."""

from __future__ import annotations

import math

from torch import nn

from netwright._errors import must_be
from netwright.models.initialisation.blocks import redraw

__all__ = ["constant"]


def constant(model: nn.Module, *, value: float = 0.01) -> tuple[str, ...]:
    """All weights at one value, biases at 0.

    Use it to show that it can't work: all units of a layer begin alike, get the same gradient and
    stay alike, however wide the layer is.

    Args:
        model: any module.
        value: of every weight.
    """
    if not math.isfinite(value):
        raise must_be("value", "finite", value)
    return redraw(model, lambda block: nn.init.constant_(block.values, value))
