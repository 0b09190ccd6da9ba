"""Judging a method on held-out data without leaving a trace in its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from netwright import _random
from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Method, Metric, Prediction, evaluating
from netwright.train.distribute.processes import Alone, Processes
from netwright.train.out_of_memory import Answering
from netwright.train.precision import Precision

__all__ = ["Answers", "HeldOut", "predict_all", "validate"]

_HALVES = (torch.bfloat16, torch.float16)

HeldOut = Callable[[], Iterable[Batch]]
"""A fresh pass over the held-out examples, in order; of several processes each gives the batches
of its turn."""


def validate(
    method: Method, held_out: HeldOut, *, precision: Precision, processes: Processes | None = None
) -> dict[str, float]:
    """The method's metrics over one pass.

    Random state and modes are put back, so that validating more or less often changes no bit of
    the training. Several processes answer in turns; the first judges the answers of all.

    Args:
        method: what is judged.
        held_out: gives the pass.
        precision: number format of the answers.
        processes: that answer; None for this one alone.
    """
    processes = processes or Alone()
    metrics, answer = method.judged_by(), Answering(method, precision=precision)

    def answered(batch: Batch) -> tuple[Prediction, Any, torch.Tensor | None]:
        return answer(batch), batch.targets, batch.weight

    with _random.isolated(), evaluating(method):
        for prediction, targets, weight in processes.answered(held_out(), answered):
            for metric in metrics.values():
                metric.update(prediction, targets, weight=weight)
    return processes.decided(lambda: {name: _figure(one) for name, one in metrics.items()})


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a method answered for a whole pass, on the host.

    Attributes:
        prediction: for n examples.
        targets: of the same; None where there are none.
        index: (n,) places of the examples in their set.
        weight: (n,) how much each counts; None where all count alike.
    """

    prediction: Prediction
    targets: Any
    index: torch.Tensor
    weight: torch.Tensor | None


def predict_all(method: Method, batches: Iterable[Batch], *, precision: Precision) -> Answers:
    """Answer for every batch of a pass; random state and modes are put back."""
    predictions, seen = [], []
    answer = Answering(method, precision=precision)
    with _random.isolated(), evaluating(method):
        for batch in batches:
            predictions.append(answer(batch))
            seen.append(replace(batch, inputs=None))
    return Answers(
        prediction=Prediction(
            outputs=_joined([one.outputs for one in predictions]),
            probabilities=_joined([one.probabilities for one in predictions]),
            logits=_joined([one.logits for one in predictions]),
            deviations=_joined([one.deviations for one in predictions]),
        ),
        targets=_joined([batch.targets for batch in seen]),
        index=torch.cat([batch.index for batch in seen]).cpu(),
        weight=_joined([batch.weight for batch in seen]),
    )


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
        return torch.cat([part.float() if part.dtype in _HALVES else part for part in parts]).cpu()
    return [item for part in parts for item in part]
