"""A classical model fitted on the training split and chosen by the validation split."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netwright.evaluate.baselines.answers import answers, fitted
from netwright.evaluate.baselines.budget import Budget, affordable
from netwright.evaluate.baselines.examples import Examples, Parts
from netwright.evaluate.baselines.family import Family
from netwright.metrics.base import Prediction, WeightedMetric
from netwright.metrics.standard import standard_metrics

__all__ = ["Fitted", "fit_family", "selection_metric"]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The one that was chosen, and what it took.

    Attributes:
        estimator: scikit-learn's, fitted.
        prediction: of the test split.
        validation: the figure it was chosen by.
        chosen: of the grid.
        n_train: examples it was fitted on.
        choose_seconds: for the whole grid.
        fit_seconds: for this one.
        predict_seconds: to answer for the test split.
        notes: what was warned of, and whether it was fitted on a part.
    """

    estimator: Any
    prediction: Prediction
    validation: float
    chosen: Mapping[str, Any]
    n_train: int
    choose_seconds: float
    fit_seconds: float
    predict_seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Try:
    estimator: Any
    chosen: Mapping[str, Any]
    figure: float
    seconds: float
    warned: tuple[str, ...]


def fit_family(family: Family, parts: Parts, *, budget: Budget, seed: int) -> Fitted:
    """Fit every candidate of the grid, take the best on the validation split, answer for the test.

    Of candidates that are equally good the first is taken, which is the simplest.

    Raises:
        NoCounterpart: the family has nothing for this kind of target.
        NotAffordable: it would take more than the budget.
        ValueError: scikit-learn refuses the data.
    """
    maker = family.maker(parts.kind)
    count = affordable(family, parts, budget=budget, seed=seed)
    train = parts.train.some(count, seed=seed)
    begin = time.perf_counter()
    tries = [
        _tried(maker.make(chosen, seed=seed), chosen, parts, train=train) for chosen in maker.grid
    ]
    chosen_after = time.perf_counter()
    best = max(tries, key=lambda one: one.figure)  # the first of several
    prediction = answers(
        best.estimator, parts.test.rows, kind=parts.kind, train=train, names=len(parts.names)
    )
    answered_after = time.perf_counter()
    _, metric = selection_metric(parts)
    part = (f"fitted on {count} of {parts.n_train} examples",) * (count < parts.n_train)
    return Fitted(
        estimator=best.estimator,
        prediction=prediction,
        validation=best.figure if metric.higher_is_better else -best.figure,
        chosen=best.chosen,
        n_train=count,
        choose_seconds=chosen_after - begin,
        fit_seconds=best.seconds,
        predict_seconds=answered_after - chosen_after,
        notes=(*part, *best.warned),
    )


def selection_metric(parts: Parts) -> tuple[str, WeightedMetric]:
    """What models are chosen and compared by: the first metric of the target's kind."""
    return next(iter(standard_metrics(parts.kind, num_outputs=len(parts.names)).items()))


def _tried(estimator: Any, chosen: Mapping[str, Any], parts: Parts, *, train: Examples) -> _Try:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        begin = time.perf_counter()
        made = fitted(estimator, train, kind=parts.kind)
        seconds = time.perf_counter() - begin
        prediction = answers(
            made, parts.val.rows, kind=parts.kind, train=train, names=len(parts.names)
        )
    _, metric = selection_metric(parts)
    metric.update(prediction, parts.val.targets)
    figure = metric.compute() * (1 if metric.higher_is_better else -1)
    return _Try(made, chosen, figure, seconds, tuple(dict.fromkeys(map(_in_short, warned))))


def _in_short(warning: warnings.WarningMessage) -> str:
    return " ".join(str(warning.message).split("\n")[0].split())
