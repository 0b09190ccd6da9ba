"""Kaiming's (He's, MSRA) laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import nn

from netwright._errors import unknown
from netwright.models.initialisation.blocks import Block, redraw
from netwright.models.initialisation.gain import gain

__all__ = ["kaiming_normal", "kaiming_uniform"]


def kaiming_normal(
    model: nn.Module, *, activation: str = "relu", fan: str = "in", seed: int = 0
) -> tuple[str, ...]:
    """Weights N(0, gain²/n): N(0, 2/n) for ReLU, which stops half of the signal; biases 0.

    Paper: Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852

    Args:
        model: any module.
        activation: what follows the layers; its gain makes up for what it takes away. "linear" for
            none.
        fan: n is how many inputs a unit has ("in", keeps the signal), or how many outputs an input
            has ("out", keeps the gradient).
        seed: of the draws.
    """
    factor, choose = gain(activation), _chosen(fan)

    def law(block: Block) -> None:
        deviation = factor / math.sqrt(choose(block))
        nn.init.normal_(block.values, std=deviation, generator=block.generator)

    return redraw(model, law, seed=seed)


def kaiming_uniform(
    model: nn.Module, *, activation: str = "relu", fan: str = "in", seed: int = 0
) -> tuple[str, ...]:
    """Weights U(−b, b) with b = gain · √(3/n), the variance of `kaiming_normal`; biases 0.

    Paper: Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852

    Args:
        model: any module.
        activation: what follows the layers; "linear" for none.
        fan: "in" or "out", as in `kaiming_normal`.
        seed: of the draws.
    """
    factor, choose = gain(activation), _chosen(fan)

    def law(block: Block) -> None:
        bound = factor * math.sqrt(3 / choose(block))
        nn.init.uniform_(block.values, -bound, bound, generator=block.generator)

    return redraw(model, law, seed=seed)


_FANS: Mapping[str, Callable[[Block], float]] = {
    "in": lambda block: block.fan_in,
    "out": lambda block: block.fan_out,
}


def _chosen(fan: str) -> Callable[[Block], float]:
    if fan not in _FANS:
        raise unknown("fan", fan, _FANS)
    return _FANS[fan]
