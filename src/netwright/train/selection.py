"""Which moment of a run its weights are kept from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from netwright.train.snapshot import own_copy

__all__ = ["Best"]


@dataclass
class Best:
    """The best validation so far.

    Attributes:
        score: higher is better; None before the first.
        step: loop steps done then.
        epoch: passes done then.
        weights: of that moment; None where they are not to be put back.
    """

    score: float | None = None
    step: int = 0
    epoch: int = 0
    weights: dict[str, Tensor] | None = None

    def consider(
        self,
        score: float,
        *,
        step: int,
        epoch: int,
        weights: Callable[[], dict[str, Tensor]] | None,
    ) -> None:
        """Keep this moment if it beats all before it; equal scores keep the later one.

        Late weights of a falling learning rate have settled, and on a small validation split many
        epochs share the best score.
        """
        if math.isnan(score) or (self.score is not None and score < self.score):
            return
        self.score, self.step, self.epoch = score, step, epoch
        self.weights = None if weights is None else own_copy(weights())
