"""Probabilities as the metrics read them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import Prediction

__all__ = ["class_probabilities", "scores"]


def class_probabilities(prediction: Prediction) -> Float[Tensor, "n k"]:
    """One column a class; the two of a binary answer are made from the one it has."""
    given = prediction.probabilities
    if given is None:
        raise must_be("probabilities", "given for this metric", None, "Leave it out for margins.")
    return given if given.ndim == 2 else torch.stack([1 - given, given], dim=1)


def scores(prediction: Prediction) -> Tensor:
    """What examples can be ranked by: probabilities, else what the network gave."""
    if prediction.probabilities is not None:
        return prediction.probabilities
    if prediction.logits is None:
        raise must_be("prediction", "given with probabilities or logits to rank by", None)
    logits = prediction.logits
    return logits.squeeze(1) if logits.ndim == 2 and logits.shape[1] == 1 else logits
