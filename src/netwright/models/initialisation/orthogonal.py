"""Orthogonal weights."""

from __future__ import annotations

import math

from torch import nn

from netwright._errors import must_be
from netwright.models.initialisation.blocks import redraw

__all__ = ["orthogonal"]


def orthogonal(model: nn.Module, *, gain: float = 1.0, seed: int = 0) -> tuple[str, ...]:
    """Weights whose rows, or columns where those are fewer, are orthogonal and of length `gain`.

    All directions pass a square layer with the same strength, so deep linear stacks neither shrink
    nor stretch any. Biases 0. A convolution counts as the matrix (out, in · kernel).

    Paper: Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks,
        2013, https://arxiv.org/abs/1312.6120

    Args:
        model: any module.
        gain: length of a row, above 0; √2 makes up for ReLU.
        seed: of the draws.
    """
    if not 0 < gain < math.inf:
        raise must_be("gain", "above 0 and finite", gain, "1.0 is the paper's.")
    return redraw(
        model,
        lambda block: nn.init.orthogonal_(block.values, gain, generator=block.generator),
        seed=seed,
    )
