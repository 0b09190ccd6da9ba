"""An exponential moving average of the weights.

Paper: Acceleration of stochastic approximation by averaging, Polyak and Juditsky 1992,
    https://doi.org/10.1137/0330046
"""

from __future__ import annotations

from typing import Self

from torch import nn

from netwright._errors import must_be
from netwright.train.averages.base import WeightAverage

__all__ = ["ExponentialAverage"]


class ExponentialAverage(WeightAverage):
    """θ̄ ← d θ̄ + (1 − d) θ after every step, with a smaller d at first.

    Args:
        module: whose weights are averaged.
        decay: d, from 0 to below 1. The average reaches back about 1 / (1 − d) steps.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise must_be("ema_decay", "from 0 to below 1", decay, "0.999 averages 1000 steps.")
        super().__init__(module)
        self.decay = decay

    def afresh(self) -> Self:
        """See `WeightAverage.afresh`."""
        return type(self)(self._module, decay=self.decay)

    def stepped(self) -> None:
        """Take in the present weights."""
        # (1 + t) / (10 + t) is the usual warm-up: a plain average of the first steps
        done = self.steps + 1
        self._take_in(1 - min(self.decay, (1 + done) / (10 + done)))
