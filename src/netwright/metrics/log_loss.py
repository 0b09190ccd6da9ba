"""How surprised the model is by the truth."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.metrics.base import MeanMetric, Prediction
from netwright.metrics.probabilities import class_probabilities

__all__ = ["LogLoss"]


class LogLoss(MeanMetric):
    """The mean of −log P(true class), P being kept off 0 by the precision of its number type."""

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """−log P of each example's class."""
        probabilities = class_probabilities(prediction)
        least = torch.finfo(probabilities.dtype).eps
        return -probabilities.gather(1, targets[:, None]).squeeze(1).clamp(min=least).log()
