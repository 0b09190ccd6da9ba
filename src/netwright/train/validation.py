"""Judging a method on held-out data without leaving a trace in its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from netwright import _random
from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Method, Metric, Prediction
from netwright.train.precision import Precision

__all__ = ["HeldOut", "predict_all", "validate"]

HeldOut = Callable[[], Iterable[Batch]]
"""A fresh pass over the held-out examples, in order."""


def validate(method: Method, held_out: HeldOut, *, precision: Precision) -> dict[str, float]:
    """The method's metrics over one pass.

    Random state and modes are put back, so that validating more or less often changes no bit of
    the training.
    """
    metrics = method.metrics()
    with _random.isolated(), evaluating(method):
        for batch in held_out():
            with precision.autocast():
                prediction = method.predict(batch.inputs)
            for metric in metrics.values():
                metric.update(prediction, batch.targets, weight=batch.weight)
    return {name: _figure(metric) for name, metric in metrics.items()}


def predict_all(
    method: Method, batches: Iterable[Batch], *, precision: Precision
) -> tuple[Prediction, Any, torch.Tensor]:
    """Answers, targets and indices of a whole pass, on the host."""
    predictions, targets, index = [], [], []
    with _random.isolated(), evaluating(method):
        for batch in batches:
            with precision.autocast():
                predictions.append(method.predict(batch.inputs))
            targets.append(batch.targets)
            index.append(batch.index)
    return (
        Prediction(
            outputs=_joined([one.outputs for one in predictions]),
            probabilities=_joined([one.probabilities for one in predictions]),
            logits=_joined([one.logits for one in predictions]),
        ),
        _joined(targets),
        torch.cat(index).cpu(),
    )


class evaluating:  # noqa: N801 - reads as a word: with evaluating(method)
    """Within the block: evaluation mode, no gradients; afterwards every module's own mode again."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._modes: Mapping[torch.nn.Module, bool] = {}
        self._gradients_off = torch.no_grad()

    def __enter__(self) -> None:
        self._modes = {part: part.training for part in self._module.modules()}
        self._module.eval()
        self._gradients_off.__enter__()

    def __exit__(self, *reason: object) -> None:
        self._gradients_off.__exit__(*reason)
        for part, mode in self._modes.items():
            part.training = mode


def _figure(metric: Metric) -> float:
    """NaN where these data or these answers do not define it: a training goes on all the same."""
    try:
        return metric.compute()
    except BadValue:
        return math.nan


def _joined(parts: list[Any]) -> Any:
    if not parts or parts[0] is None:
        return None
    if isinstance(parts[0], torch.Tensor):
        return torch.cat(
            [part.float() if part.is_floating_point() else part for part in parts]
        ).cpu()
    return [item for part in parts for item in part]
