"""Real numbers, by Huber's loss."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.huber import huber
from netwright.methods.output_units.standardised import StandardisedUnit
from netwright.metrics.base import Metric

__all__ = ["RealHuber"]

_HALVINGS = 60  # brings any bracket below the spacing of float64


class RealHuber(StandardisedUnit):
    """Huber's loss of standardised targets: smooth near the target, deaf to wild ones.

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) numbers of the training split.
        delta: size of error from which on the loss is linear, in standard deviations, > 0.
    """

    def __init__(
        self, *, names: tuple[str, ...], targets: Tensor | None, delta: float = 1.0
    ) -> None:
        super().__init__(names=names, targets=targets)
        if delta <= 0:
            raise must_be("delta", "above 0", delta, "1.0 is usual.")
        self.delta = delta

    def loss(
        self, scores: Float[Tensor, "n t"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """Huber's loss in standard deviations, added over the columns."""
        return huber(scores, self.inward(targets), delta=self.delta)

    def metrics(self) -> dict[str, Metric]:
        """Mean absolute error first."""
        others = super().metrics()
        return {"mean_absolute_error": others.pop("mean_absolute_error")} | others

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "t"]:
        """Where the clipped errors balance, found by bisection."""
        values = self.inward(targets).double()
        low, high = values.amin(dim=0), values.amax(dim=0)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            pull = (values - middle).clamp(-self.delta, self.delta).sum(dim=0)
            low, high = torch.where(pull > 0, middle, low), torch.where(pull > 0, high, middle)
        return ((low + high) / 2).float()
