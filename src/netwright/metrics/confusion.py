"""Which classes are taken for which, and agreement that grows with nearness."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright.metrics.base import Prediction, SumMetric, weights_of

__all__ = ["QuadraticKappa", "confusion_matrix"]


def confusion_matrix(
    outputs: Int[Tensor, "n"],
    targets: Int[Tensor, "n"],
    *,
    num_classes: int,
    weight: Float[Tensor, "n"] | None = None,
) -> Float[Tensor, "k k"]:
    """How much weight each pair of (true class, answer) has; a row a true class."""
    weights = weights_of(targets, weight)
    return _pairs(outputs, targets, num_classes=num_classes, weights=weights).reshape(
        num_classes, num_classes
    )


class QuadraticKappa(SumMetric):
    """Agreement beyond chance of ordered classes, a miss costing the square of its distance.

    Paper: Weighted Kappa, 1968, https://doi.org/10.1037/h0026256
    """

    higher_is_better = True
    needs = "more than one class among targets and answers"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """The confusion matrix, row by row."""
        return _pairs(prediction.outputs, targets, num_classes=self.num_classes, weights=weights)

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        matrix = sums.reshape(self.num_classes, self.num_classes, -1)
        places = torch.arange(self.num_classes, dtype=sums.dtype, device=sums.device)
        cost = (places[:, None] - places).square()
        chance = torch.einsum("tb,ob->tob", matrix.sum(dim=1), matrix.sum(dim=0))
        seen = torch.einsum("to,tob->b", cost, matrix) * matrix.sum(dim=(0, 1))
        return 1 - seen / torch.einsum("to,tob->b", cost, chance)


def _pairs(outputs: Tensor, targets: Tensor, *, num_classes: int, weights: Tensor) -> Tensor:
    empty = weights.new_zeros(num_classes**2, weights.shape[1])
    return empty.index_add_(0, targets * num_classes + outputs, weights)
