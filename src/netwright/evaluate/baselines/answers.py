"""What a scikit-learn estimator says, in the terms of our metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.evaluate.baselines.examples import Examples
from netwright.metrics.base import Prediction

__all__ = ["answers", "fitted"]

LEAST_RATE = 0.01
"""Answers for counts are raised to this share of the training mean: a rate is above zero."""


def fitted(estimator: Any, train: Examples, *, kind: str) -> Any:
    """The estimator, fitted; one for each label or each column of several."""
    if kind == "multi-label":
        from sklearn.multiclass import OneVsRestClassifier

        return OneVsRestClassifier(estimator).fit(train.rows, train.wanted.astype(np.int64))
    if train.targets.ndim > 1:
        from sklearn.multioutput import MultiOutputRegressor

        return MultiOutputRegressor(estimator).fit(train.rows, train.wanted)
    return estimator.fit(train.rows, train.wanted)


def answers(
    estimator: Any, rows: np.ndarray, *, kind: str, train: Examples, names: int
) -> Prediction:
    """Answers for rows: class indices, label sets or numbers, with probabilities where it has them.

    Args:
        estimator: fitted on `train`.
        rows: (n, d).
        kind: of the targets.
        train: what it was fitted on.
        names: classes or labels there are; not all of them need be in `train`.
    """
    if kind == "multi-label":
        return _label_sets(estimator, rows)
    if kind in ("binary", "classes", "ordinal"):
        return _classes(estimator, rows, kind=kind, count=names)
    outputs = torch.from_numpy(np.asarray(estimator.predict(rows), dtype=np.float32))
    if kind == "counts":
        outputs = torch.maximum(outputs, LEAST_RATE * train.targets.float().mean(dim=0))
    return Prediction(outputs=outputs)


def _label_sets(estimator: Any, rows: np.ndarray) -> Prediction:
    given = _probabilities(estimator, rows)
    if given is not None:
        return Prediction(outputs=(given > 0.5).float(), probabilities=given)
    margins = _tensor(estimator.decision_function(rows))
    return Prediction(outputs=(margins > 0).float(), logits=margins)


def _classes(estimator: Any, rows: np.ndarray, *, kind: str, count: int) -> Prediction:
    outputs = torch.from_numpy(np.asarray(estimator.predict(rows), dtype=np.int64))
    known = torch.from_numpy(np.asarray(estimator.classes_, dtype=np.int64))
    given = _probabilities(estimator, rows)
    if given is not None:
        spread = torch.zeros(len(rows), count)
        spread[:, known] = given
        return Prediction(
            outputs=outputs, probabilities=spread[:, 1] if kind == "binary" else spread
        )
    margins = _tensor(estimator.decision_function(rows))
    if margins.ndim == 1:  # one margin for two classes
        return Prediction(outputs=outputs, logits=margins[:, None])
    scores = torch.full((len(rows), count), float(margins.min()) - 1)
    scores[:, known] = margins
    return Prediction(outputs=outputs, logits=scores)


def _probabilities(estimator: Any, rows: np.ndarray) -> Tensor | None:
    try:
        return _tensor(estimator.predict_proba(rows))
    except AttributeError:  # margins only
        return None


def _tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
