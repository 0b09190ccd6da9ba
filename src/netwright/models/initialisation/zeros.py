"""All weights 0."""

from __future__ import annotations

from torch import nn

from netwright.models.initialisation.blocks import redraw

__all__ = ["zeros"]


def zeros(model: nn.Module) -> tuple[str, ...]:
    """Weights and biases of all layers at 0; see `blocks.redraw` for which those are.

    Use it for a model of one layer, whose loss is convex. With hidden layers it shows what breaks:
    all units of a layer stay alike, and behind a second layer no gradient arrives at all.

    Example:
        >>> zeros(nn.Linear(3, 2))
        ('weight', 'bias')
    """
    return redraw(model, lambda block: nn.init.zeros_(block.values))
