"""Plain random weights."""

from __future__ import annotations

import math

from torch import nn

from netwright._errors import must_be
from netwright.models.initialisation.blocks import redraw

__all__ = ["normal"]


def normal(model: nn.Module, *, deviation: float = 0.01, seed: int = 0) -> tuple[str, ...]:
    """Weights N(0, deviation²) whatever the width of the layer, biases 0.

    Use it for shallow networks: through many layers the signal dies, or blows up.

    Paper: ImageNet Classification with Deep Convolutional Neural Networks (0.01), 2012,
        https://doi.org/10.1145/3065386

    Args:
        model: any module.
        deviation: standard deviation, at least 0.
        seed: of the draws.
    """
    if not 0 <= deviation < math.inf:
        raise must_be("deviation", "at least 0 and finite", deviation, "0.01 is usual.")
    return redraw(
        model,
        lambda block: nn.init.normal_(block.values, std=deviation, generator=block.generator),
        seed=seed,
    )
