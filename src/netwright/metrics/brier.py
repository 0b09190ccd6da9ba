"""Squared error of probabilities."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from netwright._errors import must_be
from netwright.metrics.base import MeanMetric, Prediction

__all__ = ["Brier"]


class Brier(MeanMetric):
    """The mean squared error of the probabilities: added over classes, or of yes alone if binary.

    Paper: Verification of Forecasts Expressed in Terms of Probability, 1950,
        https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """The squared error of each example."""
        probabilities = prediction.probabilities
        if probabilities is None:
            raise must_be("probabilities", "given for this metric", None)
        if probabilities.ndim == 1:
            return (probabilities - targets).square()
        true = F.one_hot(targets, probabilities.shape[1])
        return (probabilities - true).square().sum(dim=1)
