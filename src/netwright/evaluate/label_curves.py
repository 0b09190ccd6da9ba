"""The ROC and precision-recall curves of the classes that a model tells worst."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from netwright.evaluate.judgement import ClassRow, LabelCurves, Points
from netwright.metrics.base import Prediction
from netwright.metrics.curves import RankCurve, precision_recall_curve, roc_curve
from netwright.metrics.probabilities import scores

__all__ = ["label_curves"]

_SHOWN = 4  # classes: as many as can be told apart in one chart
_POINTS = 150  # finer than the chart is wide
_DIGITS = 5


def label_curves(
    prediction: Prediction, targets: Tensor, *, rows: Sequence[ClassRow], weights: Tensor
) -> tuple[LabelCurves, ...]:
    """Curves of at most four classes or labels, those of the lowest F1; of two classes, of yes.

    Args:
        prediction: with probabilities or scores to rank by; without, there is no curve.
        targets: class indices (n,) or label sets (n, k).
        rows: one a class or label.
        weights: (n,) how much each example counts.
    """
    if prediction.probabilities is None and prediction.logits is None:
        return ()
    ranked = scores(prediction)
    if not bool(ranked.isfinite().all()):
        return ()
    if ranked.ndim == 1:
        columns = {1: (ranked, targets)} if len(rows) == 2 else {}
    elif ranked.shape[1] != len(rows):
        return ()
    else:
        places = [1] if len(rows) == 2 and targets.ndim == 1 else range(len(rows))
        worst = sorted(places, key=lambda place: rows[place].f1)
        columns = {place: (ranked[:, place], _label(targets, place)) for place in worst}
    both = {place: pair for place, pair in columns.items() if _has_both(pair[1], weights=weights)}
    return tuple(
        LabelCurves(
            name=rows[place].name,
            roc=_points(roc_curve(column, label, weights=weights)),
            precision_recall=_points(precision_recall_curve(column, label, weights=weights)),
        )
        for place, (column, label) in list(both.items())[:_SHOWN]
    )


def _label(targets: Tensor, place: int) -> Tensor:
    return (targets == place).long() if targets.ndim == 1 else targets[:, place]


def _has_both(label: Tensor, *, weights: Tensor) -> bool:
    present = label[weights > 0]
    return bool((present > 0).any()) and bool((present <= 0).any())


def _points(curve: RankCurve) -> Points:
    thin = curve.thinned(_POINTS)
    x, y = (tuple(round(value, _DIGITS) for value in axis.tolist()) for axis in (thin.x, thin.y))
    return Points(x=x, y=y, area=curve.area)
