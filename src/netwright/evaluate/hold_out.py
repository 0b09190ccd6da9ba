"""A model judged once on data it has never seen, with how far each figure can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadValue, must_be
from netwright.evaluate.confident_errors import most_confident_errors, moved, on_cpu
from netwright.evaluate.intervals import figure_intervals
from netwright.evaluate.judgement import ClassRow, Confused, Estimate, Judgement
from netwright.evaluate.label_curves import label_curves
from netwright.metrics.base import Metric, Prediction, WeightedMetric, weights_of
from netwright.metrics.class_counts import class_counts
from netwright.metrics.confusion import confusion_matrix
from netwright.metrics.standard import standard_metrics

__all__ = ["ClassRow", "Confused", "Estimate", "Judgement", "judge", "most_confident_errors"]

_ONE_CLASS = ("binary", "classes", "ordinal")
_BY_LABEL = (*_ONE_CLASS, "multi-label")


def judge(
    prediction: Prediction,
    targets: Any,
    *,
    kind: str,
    names: tuple[str, ...],
    weight: Tensor | None = None,
    metrics: Mapping[str, Metric] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Judgement:
    """Judge answers by their targets.

    Args:
        prediction: answers for n examples.
        targets: the truth, as in a batch: a tensor, or a list of an item an example.
        kind: of the targets ("classes", "real", …); "none" for what metrics alone understand.
        names: of classes or labels.
        weight: (n,) how much each example counts.
        metrics: fresh ones; by default those of the kind. Quantiles need those of their
            output unit. A metric that can't be weighted gets no interval.
        n_resamples: draws that the intervals are made of.
        seed: of the draws.
    """
    prediction, targets = on_cpu(prediction), moved(targets)
    if len(targets) != len(prediction.outputs) or not len(targets):
        raise must_be("targets", f"as many as answers ({len(prediction.outputs)})", len(targets))
    if metrics is None:
        probable = prediction.probabilities is not None
        metrics = standard_metrics(kind, num_outputs=len(names), probabilities=probable)
    weights = weights_of(targets, None if weight is None else weight.detach().cpu())
    estimates, undefined = _estimates(
        metrics, prediction, targets, kind=kind, weights=weights, n_resamples=n_resamples, seed=seed
    )
    matrix = _confusion(prediction, targets, kind=kind, count=len(names), weights=weights)
    rows = _per_class(prediction, targets, kind=kind, names=names, weights=weights)
    return Judgement(
        metrics=estimates,
        undefined=undefined,
        names=tuple(names),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        per_class=rows,
        confused=_confused(matrix, names),
        curves=label_curves(prediction, targets, rows=rows, weights=weights[:, 0]),
    )


def _estimates(
    metrics: Mapping[str, Metric],
    prediction: Prediction,
    targets: Any,
    *,
    kind: str,
    weights: Tensor,
    n_resamples: int,
    seed: int,
) -> tuple[dict[str, Estimate], dict[str, str]]:
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for name, metric in metrics.items():
        metric.update(prediction, targets, weight=weights[:, 0])
        try:
            values[name] = metric.compute()
        except BadValue as error:
            undefined[name] = str(error)
    weighted = {
        name: metric
        for name, metric in metrics.items()
        if name in values and isinstance(metric, WeightedMetric)
    }
    found = figure_intervals(
        weighted,
        [(prediction, targets)],
        kind=kind,
        weights=weights,
        n_resamples=n_resamples,
        seed=seed,
    )
    estimates = {}
    for name, value in values.items():
        low, high = found.get(name, (None, None))
        if low is not None and high is not None:
            low, high = min(low, value), max(high, value)
        estimates[name] = Estimate(value=value, low=low, high=high, n=len(targets))
    return estimates, undefined


def _confusion(
    prediction: Prediction, targets: Tensor, *, kind: str, count: int, weights: Tensor
) -> Tensor:
    if kind not in _ONE_CLASS:
        return torch.zeros(0, 0)
    return confusion_matrix(prediction.outputs, targets, num_classes=count, weight=weights[:, 0])


def _per_class(
    prediction: Prediction,
    targets: Tensor,
    *,
    kind: str,
    names: tuple[str, ...],
    weights: Tensor,
) -> tuple[ClassRow, ...]:
    if kind not in _BY_LABEL:
        return ()
    counts = class_counts(prediction.outputs, targets, num_classes=len(names), weights=weights)
    columns = counts.precision(), counts.recall(), counts.f1(), counts.support
    rows = torch.cat(columns, dim=1).tolist()
    return tuple(
        ClassRow(name=name, precision=precision, recall=recall, f1=f1, n=n)
        for name, (precision, recall, f1, n) in zip(names, rows, strict=True)
    )


def _confused(matrix: Tensor, names: tuple[str, ...], *, shown: int = 10) -> tuple[Confused, ...]:
    if not len(matrix):
        return ()
    totals = matrix.sum(dim=1)
    errors = matrix.clone().fill_diagonal_(0).flatten()
    worst = errors.argsort(descending=True, stable=True)[:shown]
    pairs = [divmod(int(place), len(names)) for place in worst if errors[place] > 0]
    return tuple(
        Confused(
            truth=names[truth],
            answer=names[answer],
            n=float(matrix[truth, answer]),
            share=float(matrix[truth, answer] / totals[truth]),
        )
        for truth, answer in pairs
    )
