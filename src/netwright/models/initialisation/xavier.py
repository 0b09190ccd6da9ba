"""Xavier's (Glorot's) laws."""

from __future__ import annotations

import math

from torch import nn

from netwright._errors import must_be
from netwright.models.initialisation.blocks import Block, redraw

__all__ = ["xavier_normal", "xavier_uniform"]


def xavier_uniform(model: nn.Module, *, gain: float = 1.0, seed: int = 0) -> tuple[str, ...]:
    """Weights U(−b, b) with b = gain · √(6/(n + m)), n and m being the fans; biases 0.

    The middle between what keeps the signal and what keeps its gradient. Use it for tanh and other
    units that are symmetric about 0.

    Paper: Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010,
        https://proceedings.mlr.press/v9/glorot10a.html

    Args:
        model: any module.
        gain: above 0; 5/3 holds the signal of many layers of tanh.
        seed: of the draws.
    """
    _check(gain)

    def law(block: Block) -> None:
        bound = math.sqrt(3) * _deviation(block, gain=gain)
        nn.init.uniform_(block.values, -bound, bound, generator=block.generator)

    return redraw(model, law, seed=seed)


def xavier_normal(model: nn.Module, *, gain: float = 1.0, seed: int = 0) -> tuple[str, ...]:
    """Weights N(0, 2 gain²/(n + m)), n and m being the fans; biases 0.

    As `xavier_uniform`, with the variance of that law and another shape.

    Paper: Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010,
        https://proceedings.mlr.press/v9/glorot10a.html

    Args:
        model: any module.
        gain: above 0; 5/3 holds the signal of many layers of tanh.
        seed: of the draws.
    """
    _check(gain)

    def law(block: Block) -> None:
        deviation = _deviation(block, gain=gain)
        nn.init.normal_(block.values, std=deviation, generator=block.generator)

    return redraw(model, law, seed=seed)


def _deviation(block: Block, *, gain: float) -> float:
    return gain * math.sqrt(2 / (block.fan_in + block.fan_out))


def _check(gain: float) -> None:
    if not 0 < gain < math.inf:
        raise must_be("gain", "above 0 and finite", gain, "1.0 is the paper's.")
