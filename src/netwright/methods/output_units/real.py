"""Real numbers, by squared error."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.squared_error import squared_error
from netwright.methods.output_units.standardised import StandardisedUnit

__all__ = ["Real"]


class Real(StandardisedUnit):
    """Squared error of standardised targets: a loss of 1 a target is what the mean would cost.

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) numbers of the training split.
    """

    mixes = True

    def loss(
        self, scores: Float[Tensor, "n t"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """The share of the variance that is left, added over the columns."""
        return squared_error(scores, self.inward(targets))

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "t"]:
        """The mean."""
        return self.inward(targets).mean(dim=0)
