"""Real numbers, by absolute error."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.absolute_error import absolute_error
from netwright.methods.output_units.standardised import StandardisedUnit
from netwright.metrics.base import Metric

__all__ = ["RealAbsolute"]


class RealAbsolute(StandardisedUnit):
    """Absolute error of standardised targets: for the median, and where a few targets are wild.

    Args:
        names: of the target columns.
        targets: (n,) or (n, t) numbers of the training split.
    """

    def loss(
        self, scores: Float[Tensor, "n t"], targets: Num[Tensor, "n *t"]
    ) -> Float[Tensor, "n"]:
        """Absolute error in standard deviations, added over the columns."""
        return absolute_error(scores, self.inward(targets))

    def metrics(self) -> dict[str, Metric]:
        """Mean absolute error first."""
        others = super().metrics()
        return {"mean_absolute_error": others.pop("mean_absolute_error")} | others

    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "t"]:
        """The median."""
        return self.inward(targets).median(dim=0).values
