"""What a model is judged by when nobody says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netwright._errors import must_be, unknown
from netwright.metrics.accuracy import Accuracy, TopAccuracy
from netwright.metrics.base import WeightedMetric
from netwright.metrics.brier import Brier
from netwright.metrics.calibration import ExpectedCalibrationError
from netwright.metrics.confusion import QuadraticKappa
from netwright.metrics.gaussian import GaussianNll, IntervalCoverageError
from netwright.metrics.log_loss import LogLoss
from netwright.metrics.per_class import F1, BalancedAccuracy, MicroF1, Precision, Recall
from netwright.metrics.pinball import CoverageError, Pinball
from netwright.metrics.ranking import AveragePrecision, RocAuc
from netwright.metrics.regression import (
    R2,
    MeanAbsoluteError,
    PoissonDeviance,
    RootMeanSquaredError,
)

__all__ = ["gaussian_metrics", "quantile_metrics", "standard_metrics"]

Metrics = dict[str, WeightedMetric]


def standard_metrics(kind: str, *, num_outputs: int, probabilities: bool = True) -> Metrics:
    """Fresh metrics for a kind of target, the first being the one to select by.

    Args:
        kind: "binary", "classes", "multi-label", "ordinal", "counts", "real" or "bins".
        num_outputs: classes (2 for binary) or labels.
        probabilities: False leaves out those that need probabilities.

    Raises:
        BadValue: no such kind; quantiles, whose metrics depend on the quantiles that were asked
            for: see `quantile_metrics`.
    """
    if kind == "quantiles":
        raise must_be("kind", "one whose metrics need no quantiles", kind, "Give the metrics.")
    if kind not in _MAKERS:
        raise unknown("kind", kind, _MAKERS)
    made = _MAKERS[kind](num_outputs)
    if probabilities:
        return made
    return {name: metric for name, metric in made.items() if name not in _NEED_PROBABILITIES}


def quantile_metrics(quantiles: Sequence[float]) -> Metrics:
    """Fresh metrics for predicted quantiles."""
    return {
        "pinball": Pinball(quantiles=quantiles),
        "coverage_error": CoverageError(quantiles=quantiles),
    }


def gaussian_metrics() -> Metrics:
    """Fresh metrics for numbers that come with their standard deviations."""
    sure: Metrics = {
        "gaussian_nll": GaussianNll(),
        "interval_coverage_error": IntervalCoverageError(),
    }
    return sure | _of_numbers(1)


def _of_classes(num_classes: int) -> Metrics:
    top = {"top_5_accuracy": TopAccuracy(n=5)} if num_classes > 5 else {}
    return {
        "accuracy": Accuracy(),
        **top,
        "balanced_accuracy": BalancedAccuracy(num_classes=num_classes),
        "precision": Precision(num_classes=num_classes),
        "recall": Recall(num_classes=num_classes),
        "f1": F1(num_classes=num_classes),
        "log_loss": LogLoss(),
        "brier": Brier(),
        "expected_calibration_error": ExpectedCalibrationError(),
    }


def _of_binary(_: int) -> Metrics:
    ranking = {"roc_auc": RocAuc(), "average_precision": AveragePrecision()}
    return _of_classes(2) | ranking


def _of_labels(num_labels: int) -> Metrics:
    return {
        "average_precision": AveragePrecision(),
        "roc_auc": RocAuc(),
        "f1": F1(num_classes=num_labels),
        "micro_f1": MicroF1(num_classes=num_labels),
        "precision": Precision(num_classes=num_labels),
        "recall": Recall(num_classes=num_labels),
        "exact_match": Accuracy(),
    }


def _of_grades(num_classes: int) -> Metrics:
    kappa: Metrics = {"quadratic_kappa": QuadraticKappa(num_classes=num_classes)}
    return kappa | {"mean_absolute_error": MeanAbsoluteError()} | _of_classes(num_classes)


def _of_counts(_: int) -> Metrics:
    return {"poisson_deviance": PoissonDeviance()} | _of_numbers(1)


def _of_numbers(_: int) -> Metrics:
    return {
        "root_mean_squared_error": RootMeanSquaredError(),
        "mean_absolute_error": MeanAbsoluteError(),
        "r2": R2(),
    }


_MAKERS: Mapping[str, Callable[[int], Metrics]] = {
    "binary": _of_binary,
    "classes": _of_classes,
    "multi-label": _of_labels,
    "ordinal": _of_grades,
    "counts": _of_counts,
    "real": _of_numbers,
    "bins": _of_numbers,
}
_NEED_PROBABILITIES = {"top_5_accuracy", "log_loss", "brier", "expected_calibration_error"}
