"""Real targets as the network sees them: mean 0 and standard deviation 1."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["StandardisedUnit", "num_columns", "single"]


class StandardisedUnit(OutputUnit):
    """A unit whose scores are standardised targets; losses are in those units too.

    Mean and standard deviation are those of the training split. A constant target keeps its scale.
    """

    target = "real"
    mean: Tensor
    deviation: Tensor

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        columns = num_columns(names, targets)
        super().__init__(names=names, width=columns)
        if targets is None:
            mean, deviation = torch.zeros(columns), torch.ones(columns)
        else:
            values = targets.reshape(-1, columns).double()
            mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
            # not by the deviation: the mean of equal numbers may round to another one
            alike = (values == values[:1]).all(dim=0) | (deviation == 0)
            deviation = deviation.where(~alike, 1)
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", deviation.float())

    def inward(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "n t"]:
        """Targets in the network's units."""
        values = at_least_float32(targets).reshape(len(targets), -1)
        return (values - self.mean) / self.deviation

    def outward(self, scores: Float[Tensor, "n t"]) -> Float[Tensor, "n t"]:
        """Scores in the target's units."""
        return at_least_float32(scores) * self.deviation + self.mean

    @abstractmethod
    def prior_bias(self, targets: Num[Tensor, "n *t"]) -> Float[Tensor, "width"]:
        """See `OutputUnit.prior_bias`."""

    def predict(self, scores: Float[Tensor, "n t"]) -> Prediction:
        """The number in the target's own units; (n,) where there is one target."""
        logits = at_least_float32(scores)
        return Prediction(outputs=single(self.outward(logits)), logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Root mean squared error first."""
        return {**standard_metrics("real", num_outputs=self.width)}


def num_columns(names: tuple[str, ...], targets: Tensor | None) -> int:
    """How many numbers are asked for.

    Raises:
        BadData: names and targets disagree.
    """
    if targets is None:
        return max(1, len(names))
    columns = 1 if targets.ndim == 1 else targets.shape[1]
    if targets.ndim > 2 or (names and len(names) != columns):
        raise BadData(
            f"targets must be (n,) or (n, t) with a name a column, got {tuple(targets.shape)} and "
            f"{len(names)} names."
        )
    return columns


def single(numbers: Float[Tensor, "n t"]) -> Float[Tensor, "n *t"]:
    """A single column as (n,), as targets come."""
    return numbers.squeeze(1) if numbers.shape[1] == 1 else numbers
