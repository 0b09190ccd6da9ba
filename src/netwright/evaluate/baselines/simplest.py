"""Which is the simplest model that does the job?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright._statistics import percentiles, resample_counts
from netwright.evaluate.baselines.outcome import Loss
from netwright.metrics.base import Prediction, WeightedMetric

__all__ = ["losses_to_the_best", "simplest_of"]


def losses_to_the_best(
    predictions: Sequence[Prediction],
    targets: Tensor,
    *,
    metric: WeightedMetric,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[int, list[Loss]]:
    """The place of the best, and by how much each is worse, resampled together.

    All models are judged on the same examples of each resample: what makes an example hard for all
    of them drops out.

    Args:
        predictions: of each model, for the same n examples.
        targets: of the examples.
        metric: any that is a function of how much each example counts.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    if not predictions:
        raise must_be("predictions", "of one model at least", 0)
    figures = [metric.by_weight(one, targets) for one in predictions]
    sign = 1.0 if metric.higher_is_better else -1.0
    alone = torch.ones(len(targets), 1, dtype=torch.float64)
    values = [sign * float(figure(alone)[0]) for figure in figures]
    best = max(range(len(values)), key=lambda place: _rankable(values[place]))
    drawn: list[list[Tensor]] = [[] for _ in figures]
    for counts in resample_counts(len(targets), n_resamples=n_resamples, seed=seed):
        weights = torch.from_numpy(counts)
        for kept, figure in zip(drawn, figures, strict=True):
            kept.append(sign * figure(weights))
    resampled = [torch.cat(kept) for kept in drawn]
    losses = []
    for value, each in zip(values, resampled, strict=True):
        interval = percentiles((resampled[best] - each).numpy(), values[best] - value)
        losses.append(Loss(value=interval.value, low=interval.low, high=interval.high))
    return best, losses


def simplest_of(
    losses: Sequence[Loss], simplicity: Sequence[int], *, tolerance: float = 0.0
) -> int:
    """The place of the simplest whose loss to the best may be nothing, or below the tolerance.

    Args:
        losses: of each model to the best.
        simplicity: rank of each, the simplest lowest.
        tolerance: loss that does no harm, in the metric's unit.
    """
    if not tolerance >= 0:
        raise must_be("tolerance", "at least 0", tolerance)
    good = [place for place, loss in enumerate(losses) if loss.low <= tolerance]
    return min(good, key=lambda place: (simplicity[place], losses[place].value))


def _rankable(value: float) -> float:
    return -math.inf if math.isnan(value) else value
