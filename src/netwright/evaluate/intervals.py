"""How far a figure can be trusted: intervals that hold for few examples and for perfect answers.

The bootstrap draws only what was seen: of twenty right answers it makes an interval from 1 to 1.
Here one example more is imagined, a bad one for the bad end and a good one for the good end, and
examples count by random weights. For a share this is Clopper and Pearson's interval exactly: its
ends are quantiles of Beta(x, n − x + 1) and Beta(x + 1, n − x), which such weights follow.

Paper: The Bayesian Bootstrap, 1981, https://doi.org/10.1214/aos/1176345338
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._random import generator
from netwright._statistics import exact_share, percentiles
from netwright.metrics.base import ByWeight, MeanMetric, Prediction, WeightedMetric
from netwright.metrics.probabilities import class_probabilities
from netwright.metrics.ranking import RankMetric

__all__ = ["Judged", "figure_intervals"]

Judged = tuple[Prediction, Any]
"""Answers for n examples, and the truth."""

_ONE_CLASS = ("binary", "classes", "ordinal")
_RANKING_RESAMPLES = 200
# Ranking many labels is the one figure that costs seconds; 200 place the ends of an interval to
# about a tenth of its width.
_AT_ONCE = 500_000  # numbers in a block of weights: 4 MB, which stay in a processor's cache


def figure_intervals(
    metrics: Mapping[str, WeightedMetric],
    parts: Sequence[Judged],
    *,
    kind: str,
    weights: Float[Tensor, "n 1"],
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float | None, float | None]]:
    """The 95 % interval of each metric; None where nothing defines its ends.

    Args:
        metrics: by name.
        parts: answers for the same n examples, most often one; figures are averaged over several.
        kind: of the targets.
        weights: how much each example counts.
        n_resamples: draws of weights.
        seed: of the draws.
    """
    shares = {name: _share(metric, parts, weights=weights) for name, metric in metrics.items()}
    others = {name: metric for name, metric in metrics.items() if shares[name] is None}
    found: dict[str, tuple[float | None, float | None]] = {
        name: one for name, one in shares.items() if one is not None
    }
    ends: dict[bool, dict[str, tuple[float, float]]] = {}
    for good in (False, True) if others else ():
        ends[good] = _ends(
            others, parts, kind=kind, good=good, weights=weights, count=n_resamples, seed=seed
        )
    for name, metric in others.items():
        low = ends[not metric.higher_is_better][name][0]
        high = ends[metric.higher_is_better][name][1]
        found[name] = (None, None) if math.isnan(low) or math.isnan(high) else (low, high)
    return {name: found[name] for name in metrics}


def _share(
    metric: WeightedMetric, parts: Sequence[Judged], *, weights: Tensor
) -> tuple[float, float] | None:
    """The exact interval where a metric is the share of one kind of example."""
    if not isinstance(metric, MeanMetric) or len(parts) > 1:
        return None
    values = metric.values(*parts[0]).to(weights.dtype)
    if not bool(((values == 0) | (values == 1)).all()):
        return None
    counted = weights[:, 0]
    count = float(counted.sum().square() / counted.square().sum())
    share = float(values @ counted / counted.sum())
    interval = exact_share(min(share * count, count), count)
    return interval.low, interval.high


def _ends(
    metrics: Mapping[str, WeightedMetric],
    parts: Sequence[Judged],
    *,
    kind: str,
    good: bool,
    weights: Tensor,
    count: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """The middle 95 % of the figures with an imagined example; of each one end is used."""
    imagined = [_imagined(part, kind=kind, good=good) for part in parts]
    joined = [_joined(part, one) for part, one in zip(parts, imagined, strict=True)]
    shares = imagined[0][2]
    figures = {
        name: [metric.by_weight(*part) for part in joined] for name, metric in metrics.items()
    }
    most = {name: _enough(metric, parts[0][1], count) for name, metric in metrics.items()}
    drawn: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for block in _weights(weights, shares=shares, count=count, seed=seed):
        for name, by_weight in figures.items():
            if sum(map(len, drawn[name])) < most[name]:
                drawn[name].append(_mean(by_weight, block))
    intervals = {
        name: percentiles(torch.cat(values).numpy(), math.nan) for name, values in drawn.items()
    }
    return {name: (one.low, one.high) for name, one in intervals.items()}


def _enough(metric: WeightedMetric, targets: Tensor, count: int) -> int:
    many = isinstance(metric, RankMetric) and targets.ndim > 1
    return min(count, _RANKING_RESAMPLES) if many else count


def _mean(figures: Sequence[ByWeight], block: Tensor) -> Tensor:
    return torch.stack([figure(block) for figure in figures]).mean(dim=0)


def _weights(weights: Tensor, *, shares: Tensor, count: int, seed: int) -> Iterator[Tensor]:
    """Blocks (n + m, b): an exponential weight for each example, and for one imagined one."""
    random = generator(seed, "intervals")
    total = len(weights) + len(shares)
    size = max(1, min(count, _AT_ONCE // total))
    for start in range(0, count, size):
        block = min(size, count - start)
        drawn = torch.empty(total, block, dtype=torch.float64).exponential_(generator=random)
        drawn[: len(weights)] *= weights
        if len(shares):
            which = torch.multinomial(shares, block, replacement=True, generator=random)
            chosen = torch.zeros(len(shares), block, dtype=torch.float64)
            chosen[which, torch.arange(block)] = float(weights.mean())
            drawn[len(weights) :] *= chosen
        yield drawn.to(weights.dtype)


def _imagined(part: Judged, *, kind: str, good: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Rows whose answers are taken, what their truth would be, and how likely each is the one.

    For classes: an example of each class as often as the class occurs, answered like the one that
    seems least (or most) to be of it. For others: the worst (or best) of those there are; for
    lists (texts) and several tasks none, as there is no telling.
    """
    prediction, targets = part
    tensors = isinstance(prediction.outputs, Tensor) and isinstance(targets, Tensor)
    if not tensors or kind == "several":
        none = torch.zeros(0, dtype=torch.int64)
        return none, none, none.double()
    if kind in _ONE_CLASS:
        classes, members = torch.unique(targets, return_counts=True)
        likely = _likely(prediction)[:, classes.long()]
        rows = likely.argmax(dim=0) if good else likely.argmin(dim=0)
        return rows, classes, members.double() / len(targets)
    answers = prediction.outputs.double().reshape(len(targets), -1)
    if kind == "multi-label" and prediction.probabilities is not None:
        answers = prediction.probabilities.double()
    errors = (answers - targets.double().reshape(len(targets), -1)).abs().sum(dim=1)
    row = errors.argmin() if good else errors.argmax()
    return row[None], targets[row][None], torch.ones(1, dtype=torch.float64)


def _likely(prediction: Prediction) -> Tensor:
    if prediction.probabilities is not None:
        return class_probabilities(prediction)
    logits = prediction.logits
    if logits is not None and logits.shape[1] > 1:
        return logits
    if logits is not None:
        return torch.cat([-logits, logits], dim=1)
    classes = int(prediction.outputs.max()) + 2  # one more: a class that is never answered
    return torch.nn.functional.one_hot(prediction.outputs.long(), classes).double()


def _joined(part: Judged, imagined: tuple[Tensor, Tensor, Tensor]) -> Judged:
    prediction, targets = part
    rows, truth, _ = imagined
    if not len(rows):
        return part

    def with_rows(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else torch.cat([tensor, tensor[rows]])

    together = Prediction(
        outputs=with_rows(prediction.outputs),
        probabilities=with_rows(prediction.probabilities),
        logits=with_rows(prediction.logits),
        deviations=with_rows(prediction.deviations),
    )
    return together, torch.cat([targets, truth.to(targets.dtype)])
