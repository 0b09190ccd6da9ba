"""What the folds of a cross-validation say together, and how far that can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright._errors import BadValue, must_be
from netwright._statistics import Interval
from netwright.evaluate.intervals import figure_intervals
from netwright.evaluate.judgement import Estimate
from netwright.metrics.base import Metric, Prediction, WeightedMetric

__all__ = ["FoldFigures", "HeldOutPart", "corrected_interval", "fold_figures", "pooled"]


@dataclass(frozen=True, kw_only=True)
class HeldOutPart:
    """The answers of one fold for what it held out.

    Attributes:
        prediction: for n examples.
        targets: of the same.
        index: (n,) their places in the set.
    """

    prediction: Prediction
    targets: Tensor
    index: Tensor


@dataclass(frozen=True, kw_only=True)
class FoldFigures:
    """One metric over the folds.

    Attributes:
        values: of each fold; None where its examples don't define the metric.
        mean: of the values that are defined.
        sd: their standard deviation; None for a single one. Divided by √k it is no standard error:
            folds share what they learn from.
        corrected: interval of the mean that allows for that; for repeated cuts only.
        pooled: the metric over the answers of all folds together, with its bootstrap interval.
    """

    values: tuple[float | None, ...]
    mean: float | None
    sd: float | None
    corrected: Interval | None = None
    pooled: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        """Dictionaries, lists and numbers."""
        plain: dict[str, Any] = asdict(self)
        return plain | {"values": list(self.values)}


def fold_figures(
    values: Sequence[float | None], *, sizes: Sequence[tuple[int, int]], repeats: int
) -> FoldFigures:
    """Mean and spread of a metric over folds.

    Args:
        values: of each fold.
        sizes: (examples learned from, examples held out) of each fold.
        repeats: how often the folds were cut anew; from 2 on there is a corrected interval.
    """
    known = [value for value in values if value is not None]
    spread = None
    if len(known) > 1:  # of equal values it is 0, not what is left of rounding
        spread = float(np.std(known, ddof=1)) if min(known) < max(known) else 0.0
    corrected = None
    if repeats > 1 and len(known) == len(values):
        ratio = float(np.mean([held / learned for learned, held in sizes]))
        corrected = corrected_interval(known, ratio=ratio)
    mean = float(np.mean(known)) if known else None
    return FoldFigures(values=tuple(values), mean=mean, sd=spread, corrected=corrected)


def corrected_interval(values: Sequence[float], *, ratio: float, level: float = 0.95) -> Interval:
    """Student's interval of a mean over resampled splits, widened for what they have in common.

    The variance of the mean is taken as (1/J + ratio)·s² instead of s²/J: splits that share what
    they learn from repeat each other.

    Paper: Inference for the Generalization Error, 2003, https://doi.org/10.1023/A:1024068626366

    Args:
        values: of J splits.
        ratio: examples held out over examples learned from.
        level: how often the interval shall hold the true value.

    Example:
        >>> interval = corrected_interval([0.90, 0.94, 0.92, 0.88], ratio=1 / 9)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.861, 0.959)
    """
    from scipy.stats import t

    count = len(values)
    if count < 2 or ratio <= 0:
        raise must_be("values", "at least two, of splits that hold something out", list(values))
    mean, variance = float(np.mean(values)), float(np.var(values, ddof=1))
    half = float(t.ppf(0.5 + level / 2, count - 1)) * math.sqrt((1 / count + ratio) * variance)
    return Interval(value=mean, low=mean - half, high=mean + half)


def pooled(
    repeats: Sequence[HeldOutPart],
    metrics: Callable[[], Mapping[str, Metric]],
    *,
    kind: str,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Metrics over all held-out answers, averaged over repeats, with intervals.

    Examples get random weights, the same ones in every repeat: one that was held out twice is still
    one example. What the models owe to the examples they learned from is not in the interval.

    Args:
        repeats: the answers of all folds of each repeat; the same examples in each.
        metrics: makes fresh ones.
        kind: of the targets.
        n_resamples: draws that the intervals are made of.
        seed: of the draws.

    Raises:
        BadValue: repeats of different examples.
    """
    parts = [_in_order(part) for part in repeats]
    if any(not torch.equal(part.index, parts[0].index) for part in parts):
        raise must_be("repeats", "of the same examples", [len(part.index) for part in parts])
    values = _averages(parts, metrics)
    weighted = {
        name: metric
        for name, metric in metrics().items()
        if name in values and isinstance(metric, WeightedMetric)
    }
    found = figure_intervals(
        weighted,
        [(part.prediction, part.targets) for part in parts],
        kind=kind,
        weights=torch.ones(len(parts[0].index), 1, dtype=torch.float64),
        n_resamples=n_resamples,
        seed=seed,
    )
    estimates = {}
    for name, value in values.items():
        low, high = found.get(name, (None, None))
        if low is not None and high is not None:
            low, high = min(low, value), max(high, value)
        estimates[name] = Estimate(value=value, low=low, high=high, n=len(parts[0].index))
    return estimates


def _averages(
    parts: Sequence[HeldOutPart], metrics: Callable[[], Mapping[str, Metric]]
) -> dict[str, float]:
    """The metrics that every repeat defines."""
    found: dict[str, list[float]] = {}
    for part in parts:
        for name, metric in metrics().items():
            metric.update(part.prediction, part.targets)
            try:
                found.setdefault(name, []).append(metric.compute())
            except BadValue:
                continue
    whole = {name: values for name, values in found.items() if len(values) == len(parts)}
    return {name: float(np.mean(values)) for name, values in whole.items()}


def _in_order(part: HeldOutPart) -> HeldOutPart:
    order = part.index.argsort()

    def placed(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[order]

    prediction = part.prediction
    return HeldOutPart(
        prediction=Prediction(
            outputs=prediction.outputs[order],
            probabilities=placed(prediction.probabilities),
            logits=placed(prediction.logits),
            deviations=placed(prediction.deviations),
        ),
        targets=part.targets[order],
        index=part.index[order],
    )
