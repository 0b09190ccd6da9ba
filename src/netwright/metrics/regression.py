"""How far off a number is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netwright.metrics.base import MeanMetric, Prediction, SumMetric

__all__ = ["R2", "MeanAbsoluteError", "PoissonDeviance", "RootMeanSquaredError"]


class MeanAbsoluteError(MeanMetric):
    """The mean of |answer − target|, over examples and targets."""

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """The mean over an example's targets."""
        return _columns(prediction, targets)[2].abs().mean(dim=1)


class RootMeanSquaredError(SumMetric):
    """The root of the mean squared error of each target; their mean where there are several."""

    higher_is_better = False

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """The squared errors of each target, and the weights."""
        errors = _columns(prediction, targets)[2].to(weights.dtype)
        return torch.cat([errors.square().T @ weights, weights.sum(dim=0, keepdim=True)])

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return (sums[:-1] / sums[-1]).sqrt().mean(dim=0)


class R2(SumMetric):
    """The share of the targets' variance that is explained; their mean where there are several.

    0 for the best constant answer, 1 for a perfect one, below 0 for worse than constant.
    """

    higher_is_better = True
    needs = "targets that are not all alike"

    def __init__(self) -> None:
        super().__init__()
        self._origin: Tensor | None = None

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """First and second moments of each target, its squared errors, and the weights."""
        _, wanted, errors = _columns(prediction, targets)
        if self._origin is None and len(wanted):
            # moments about a typical target: far from 0, the square of the mean swallows the rest
            self._origin = wanted[:1].to(weights.dtype)
        origin = 0.0 if self._origin is None else self._origin
        shifted = wanted.to(weights.dtype) - origin
        parts = shifted, shifted.square(), errors.to(weights.dtype).square()
        moments = [part.T @ weights for part in parts]
        return torch.cat([*moments, weights.sum(dim=0, keepdim=True)])

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        first, second, errors = sums[:-1].chunk(3)
        spread = second - first.square() / sums[-1]
        alike = spread <= 1e-12 * second
        return (1 - errors / spread.where(~alike, torch.nan)).mean(dim=0)


class PoissonDeviance(MeanMetric):
    """Twice the log-likelihood that is missing to a perfect answer; for counts."""

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """The mean over an example's targets."""
        rates, counts, _ = _columns(prediction, targets)
        rates = rates.clamp(min=torch.finfo(rates.dtype).tiny)
        deviance = torch.xlogy(counts, counts / rates) - counts + rates
        return 2 * deviance.mean(dim=1)


def _columns(prediction: Prediction, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Answers, targets and errors as (n, t)."""
    answers = prediction.outputs
    answers = answers[:, None] if answers.ndim == 1 else answers.flatten(1)
    answers = answers.to(torch.promote_types(answers.dtype, torch.float32))
    wanted = targets.reshape(answers.shape).to(answers.dtype)
    return answers, wanted, answers - wanted
