"""LeCun's law."""

from __future__ import annotations

from torch import nn

from netwright.models.initialisation.blocks import redraw

__all__ = ["lecun_normal"]


def lecun_normal(model: nn.Module, *, seed: int = 0) -> tuple[str, ...]:
    """Weights N(0, 1/n), n being the fan-in; biases 0.

    A linear layer then hands on the variance of what comes in. Use it where units are about linear
    near 0, or made for it (SELU).

    Paper: Efficient BackProp, 1998, section 4.6, https://doi.org/10.1007/3-540-49430-8_2

    Args:
        model: any module.
        seed: of the draws.
    """
    return redraw(
        model,
        lambda block: nn.init.normal_(
            block.values, std=block.fan_in**-0.5, generator=block.generator
        ),
        seed=seed,
    )
