"""Quantiles of a real number: an interval instead of a point."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.losses.precision import at_least_float32
from netwright.losses.quantile import quantile
from netwright.methods.output_units.standardised import StandardisedUnit
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import quantile_metrics

__all__ = ["Quantiles"]


class Quantiles(StandardisedUnit):
    """The pinball loss of standardised targets, one score a quantile.

    Scores may cross while learning; answers are sorted, which never makes them worse.

    Paper: Quantile and Probability Curves Without Crossing (sorting), 2010,
        https://doi.org/10.3982/ECTA7880

    Args:
        names: of the one target column.
        targets: (n,) numbers of the training split.
        quantiles: which ones, increasing, in (0, 1).
    """

    target = "quantiles"

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        targets: Tensor | None,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    ) -> None:
        levels = tuple(quantiles)
        if not levels or list(levels) != sorted({*levels}) or not 0 < levels[0] <= levels[-1] < 1:
            raise must_be("quantiles", "increasing numbers between 0 and 1", levels)
        super().__init__(names=names, targets=targets)
        if self.mean.shape != (1,):
            raise BadData(
                f"targets must be one column for quantiles, got {len(self.mean)}. "
                "Train a model a column, or take the output unit real."
            )
        self.quantiles = levels
        self.width = len(levels)

    def loss(self, scores: Float[Tensor, "n q"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """The pinball loss in standard deviations, added over the quantiles."""
        return quantile(scores, self.inward(targets).squeeze(1), quantiles=self.quantiles)

    def predict(self, scores: Float[Tensor, "n q"]) -> Prediction:
        """The quantiles in the target's own units, (n, q), sorted."""
        logits = at_least_float32(scores)
        return Prediction(outputs=self.outward(logits).sort(dim=1).values, logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Pinball loss first."""
        return {**quantile_metrics(self.quantiles)}

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "q"]:
        """The quantiles of the targets themselves."""
        values = self.inward(targets).squeeze(1)
        levels = torch.tensor(self.quantiles, dtype=values.dtype, device=values.device)
        # a target itself, as sorted position: interpolation would cost a little more than the least
        places = (levels * len(values)).long().clamp(max=len(values) - 1)
        return values.sort().values[places]
