"""Where a model is wrong and sure of itself: the first place to look for wrong labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.data.batch import map_tensors
from netwright.metrics.base import Prediction

__all__ = ["most_confident_errors", "moved", "on_cpu"]


def most_confident_errors(
    prediction: Prediction, targets: Tensor, *, kind: str, count: int
) -> Tensor:
    """Places of the wrong answers the model was surest of, the surest first.

    Numbers have no right and wrong: for them these are the largest errors. A label set is as wrong
    as its most confidently wrong label.

    Args:
        prediction: answers for n examples.
        targets: the truth, as in a batch.
        kind: of the targets.
        count: at most how many.
    """
    prediction, targets = on_cpu(prediction), targets.detach().cpu()
    if kind in ("binary", "classes", "ordinal", "multi-label"):
        wrong = prediction.outputs != targets
        sure = torch.where(wrong, _confidence(prediction, kind=kind), -torch.inf)
    else:
        answers = prediction.outputs.reshape(len(targets), -1)
        columns = targets.reshape(len(targets), -1)
        if kind == "quantiles":
            sure = torch.maximum(
                answers.amin(dim=1) - columns[:, 0], columns[:, 0] - answers.amax(dim=1)
            )
            sure = sure.where(sure > 0, -torch.inf)
        else:
            sure = (answers - columns).abs()
    if sure.ndim > 1:
        sure = sure.amax(dim=1)
    order = sure.argsort(descending=True, stable=True)
    return order[sure[order] > -torch.inf][:count]


def _confidence(prediction: Prediction, *, kind: str) -> Tensor:
    """How sure each answer or label is; from margins where there are no probabilities."""
    given = prediction.probabilities
    if given is None:
        if prediction.logits is None:
            return torch.ones(prediction.outputs.shape)
        scores = prediction.logits
        given = scores.softmax(dim=1) if scores.shape[1] > 1 else scores.sigmoid().squeeze(1)
    if kind == "multi-label" or given.ndim == 1:
        return torch.maximum(given, 1 - given)
    return given.gather(1, prediction.outputs[:, None]).squeeze(1)


def on_cpu(prediction: Prediction) -> Prediction:
    """The prediction in main memory, without its graph."""
    return Prediction(
        outputs=moved(prediction.outputs),
        probabilities=moved(prediction.probabilities),
        logits=moved(prediction.logits),
        deviations=moved(prediction.deviations),
    )


def moved(value: Any) -> Any:
    """What is held, in main memory, without its graph; also of lists and mappings."""
    return map_tensors(value, lambda tensor: tensor.detach().cpu())
