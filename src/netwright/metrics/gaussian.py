"""Whether answers are as far off as they say."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import MeanMetric, Prediction, SumMetric

__all__ = ["GaussianNll", "IntervalCoverageError", "central_interval"]


class GaussianNll(MeanMetric):
    """Mean −log of the density that the answers' normal laws give the targets, in nats.

    In the target's own units: half of them adds log 2 a column. Summed over an example's columns.
    """

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """−log density of each example's targets."""
        means, deviations = _law(prediction)
        errors = (targets.reshape(means.shape).to(means.dtype) - means) / deviations
        densities = 0.5 * (errors.square() + math.log(2 * math.pi)) + deviations.log()
        return densities.sum(dim=1)


class IntervalCoverageError(SumMetric):
    """How far the share of targets within the central interval is from what it should be.

    Args:
        level: share that should be inside, in (0, 1).
    """

    higher_is_better = False

    def __init__(self, *, level: float = 0.9) -> None:
        super().__init__()
        _check(level)
        self.level = level

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "2 b"]:
        """The share of an example's targets inside, and the weights."""
        low, high = central_interval(prediction, level=self.level)
        low, high = _rows(low), _rows(high)
        wanted = targets.reshape(low.shape).to(low.dtype)
        inside = ((wanted >= low) & (wanted <= high)).to(weights.dtype).mean(dim=1)
        return torch.stack([inside @ weights, weights.sum(dim=0)])

    def figure(self, sums: Float[Tensor, "2 b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return (sums[0] / sums[1] - self.level).abs()


def central_interval(
    prediction: Prediction, *, level: float = 0.9
) -> tuple[Float[Tensor, "n *t"], Float[Tensor, "n *t"]]:
    """Lower and upper end of what holds the target with probability `level`, by the normal law.

    Example:
        >>> sure = Prediction(outputs=torch.tensor([10.0]), deviations=torch.tensor([2.0]))
        >>> [round(end.item(), 2) for end in central_interval(sure, level=0.95)]
        [6.08, 13.92]
    """
    _check(level)
    reach = float(torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)))
    half = reach * _deviations(prediction)
    return prediction.outputs - half, prediction.outputs + half


def _law(prediction: Prediction) -> tuple[Float[Tensor, "n t"], Float[Tensor, "n t"]]:
    """Means and standard deviations, one column a target, in double precision where there is."""
    deviations = _deviations(prediction)
    wide = torch.float32 if deviations.device.type == "mps" else torch.float64
    return _rows(prediction.outputs.to(wide)), _rows(deviations.to(wide))


def _deviations(prediction: Prediction) -> Float[Tensor, "n *t"]:
    if prediction.deviations is None:
        raise must_be(
            "prediction",
            "given with standard deviations to be judged by them",
            None,
            "The output unit gaussian gives them: method.unit=gaussian.",
        )
    return prediction.deviations


def _rows(values: Float[Tensor, "n *t"]) -> Float[Tensor, "n t"]:
    return values[:, None] if values.ndim == 1 else values


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise must_be("level", "between 0 and 1", level, "0.9 is usual.")
