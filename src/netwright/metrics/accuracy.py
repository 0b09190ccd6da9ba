"""How often the answer is right."""

from __future__ import annotations

from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import MeanMetric, Prediction
from netwright.metrics.probabilities import class_probabilities

__all__ = ["Accuracy", "TopAccuracy", "TopError"]


class Accuracy(MeanMetric):
    """The share of right answers; for label sets, of sets that are right in every label."""

    higher_is_better = True

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """1 where the answer is right."""
        right: Tensor = prediction.outputs == targets
        return right.flatten(start_dim=1).all(dim=1) if right.ndim > 1 else right


class TopAccuracy(MeanMetric):
    """The share of examples whose class is among the n likeliest.

    Classes that are as likely as the true one count as likelier, so that a constant answer gains
    nothing.
    """

    higher_is_better = True

    def __init__(self, *, n: int = 5) -> None:
        super().__init__()
        if n < 1:
            raise must_be("n", "at least 1", n)
        self.n = n

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """1 where the true class is among the n likeliest."""
        probabilities = class_probabilities(prediction)
        wanted = probabilities.gather(1, targets[:, None])
        return (~(probabilities < wanted)).sum(dim=1) <= self.n


class TopError(TopAccuracy):
    """The share of examples whose class is not among the n likeliest.

    Ties count as for `TopAccuracy`. An answer that is no number is an error.
    """

    higher_is_better = False

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """1 where the true class is not among the n likeliest."""
        return ~super().values(prediction, targets)
