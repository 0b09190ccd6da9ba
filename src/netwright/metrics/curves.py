"""The ROC curve and the precision-recall curve: every trade-off that a threshold can make."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import sum_dtype
from netwright.metrics.ranking import average_precision, roc_auc

__all__ = ["RankCurve", "precision_recall_curve", "roc_curve"]


@dataclass(frozen=True)
class RankCurve:
    """What is reached by calling everything positive from a score on, the highest score first.

    Attributes:
        x: false positives as a share of all negatives (ROC); recall (precision-recall).
        y: recall (ROC); precision (precision-recall).
        thresholds: the lowest score that is called positive; infinite where none is.
        area: under the ROC curve by trapezia; average precision, as steps, under the other.
    """

    x: Tensor
    y: Tensor
    thresholds: Tensor
    area: float

    def thinned(self, most: int) -> RankCurve:
        """At most so many points, the ends among them: evenly along the curve's own length.

        The area stays that of the whole curve.
        """
        if len(self.x) <= most:
            return self
        if most < 2:
            raise must_be("most", "at least 2: a curve has two ends", most)
        way = (self.x.diff().abs() + self.y.diff().abs()).cumsum(0)
        stations = torch.linspace(0, float(way[-1]), most, dtype=way.dtype)
        kept = torch.searchsorted(torch.cat([way.new_zeros(1), way]), stations)
        kept = torch.unique(kept.clamp(max=len(self.x) - 1))
        return RankCurve(self.x[kept], self.y[kept], self.thresholds[kept], self.area)


def roc_curve(
    scores: Float[Tensor, "n"],
    targets: Num[Tensor, "n"],
    *,
    weights: Float[Tensor, "n"] | None = None,
) -> RankCurve:
    """Recall by the share of false positives, from (0, 0) to (1, 1); a point a distinct score.

    Args:
        scores: higher for what is likelier to be positive.
        targets: 1 for positives, 0 for negatives.
        weights: how much each counts.

    Raises:
        BadValue: positives or negatives are missing, or a score is not finite.

    Example:
        >>> curve = roc_curve(torch.tensor([0.9, 0.8, 0.3]), torch.tensor([1, 0, 1]))
        >>> curve.x.tolist(), curve.y.tolist(), curve.area
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0], 0.5)
    """
    weights = _weights(scores, weights)
    thresholds, found, called = _cumulated(scores, targets, weights=weights)
    wrong = called - found
    if not (found[-1] > 0 and wrong[-1] > 0):
        raise must_be("targets", "of positives and negatives", torch.unique(targets).tolist())
    area = float(roc_auc(scores, targets, weights=weights[:, None]))
    return RankCurve(_from_zero(wrong), _from_zero(found), thresholds, area)


def precision_recall_curve(
    scores: Float[Tensor, "n"],
    targets: Num[Tensor, "n"],
    *,
    weights: Float[Tensor, "n"] | None = None,
) -> RankCurve:
    """Precision by recall, from (0, 1), where nothing is called, to full recall.

    Args:
        scores: higher for what is likelier to be positive.
        targets: 1 for positives, 0 for negatives.
        weights: how much each counts.

    Raises:
        BadValue: there are no positives, or a score is not finite.
    """
    weights = _weights(scores, weights)
    thresholds, found, called = _cumulated(scores, targets, weights=weights)
    if not found[-1] > 0:
        raise must_be("targets", "of positives, at least one", torch.unique(targets).tolist())
    precision = torch.cat([found.new_ones(1), found / called.where(called > 0, 1)])
    area = float(average_precision(scores, targets, weights=weights[:, None]))
    return RankCurve(_from_zero(found), precision, thresholds, area)


def _cumulated(scores: Tensor, targets: Tensor, *, weights: Tensor) -> tuple[Tensor, ...]:
    """Thresholds, and the weight of positives and of all from each on."""
    counted = weights > 0
    scores, targets, weights = scores[counted], targets[counted], weights[counted]
    if not bool(scores.isfinite().all()):
        raise must_be("scores", "finite", "NaN or infinity", "Look whether the training diverged.")
    if not len(scores):
        raise must_be("scores", "of at least one example of positive weight", "none")
    falling, order = scores.sort(descending=True)
    last = torch.cat([falling.diff() != 0, torch.ones_like(falling[:1], dtype=torch.bool)])
    found = (weights * targets)[order].cumsum(0)[last]
    called = weights[order].cumsum(0)[last]
    return torch.cat([falling.new_full((1,), torch.inf), falling[last]]), found, called


def _from_zero(cumulated: Tensor) -> Tensor:
    return torch.cat([cumulated.new_zeros(1), cumulated / cumulated[-1]])


def _weights(scores: Tensor, weights: Tensor | None) -> Tensor:
    dtype = sum_dtype(scores.device)
    return torch.ones_like(scores, dtype=dtype) if weights is None else weights.to(dtype)
