"""The heuristic from before Xavier's law."""

from __future__ import annotations

from torch import nn

from netwright.models.initialisation.blocks import redraw

__all__ = ["heuristic_uniform"]


def heuristic_uniform(model: nn.Module, *, seed: int = 0) -> tuple[str, ...]:
    """Weights U(−1/√n, 1/√n), n being the fan-in; biases 0.

    Their variance is 1/(3n): each layer leaves a third of the signal's. torch's linear layers and
    convolutions start so by themselves, their biases too. Use it as the rival of Xavier's law,
    whose paper calls it the commonly used heuristic.

    Paper: Understanding the Difficulty of Training Deep Feedforward Neural Networks, equation 1,
        2010, https://proceedings.mlr.press/v9/glorot10a.html

    Args:
        model: any module.
        seed: of the draws.
    """
    return redraw(
        model,
        lambda block: nn.init.uniform_(
            block.values, -(block.fan_in**-0.5), block.fan_in**-0.5, generator=block.generator
        ),
        seed=seed,
    )
