"""What is judged, and the contract of what judges it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import BadValue

__all__ = [
    "ByWeight",
    "MeanMetric",
    "Metric",
    "Prediction",
    "SumMetric",
    "WeightedMetric",
    "sum_dtype",
    "weights_of",
]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a method answers for n inputs.

    Attributes:
        outputs: the answer in the target's own terms: class indices (n,), numbers (n,) or (n, t),
            label sets (n, k).
        probabilities: (n, k) where the method has them; (n,) of the positive class if binary.
        logits: what the network itself gave.
        deviations: standard deviation of each number of `outputs`, where the method says how sure
            it is.
    """

    outputs: Any
    probabilities: Tensor | None = None
    logits: Tensor | None = None
    deviations: Tensor | None = None


class Metric(ABC):
    """One figure over a pass of held-out data, kept on the device until it is read.

    Attributes:
        higher_is_better: the direction in which a model improves.
    """

    higher_is_better: bool

    @abstractmethod
    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Take in n answers with their targets, and (n,) how much each counts."""

    @abstractmethod
    def compute(self) -> float:
        """The figure over all that was taken in; the one place that waits for the device.

        Raises:
            BadValue: nothing was taken in, or the figure is not defined for it.
        """


ByWeight: TypeAlias = Callable[[Tensor], Tensor]
"""Weights (n, b) → figures (b,)."""


class WeightedMetric(Metric):
    """A metric that is a function of how much each example counts, so that it can be resampled.

    Attributes:
        needs: what the data must hold for the figure to be defined; for the error.
    """

    needs: str = "at least one example of positive weight"

    @abstractmethod
    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """The figure as a function of weights (n, b) → (b,); NaN where it is not defined.

        What doesn't depend on the weights is done here, once.
        """

    def over(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "b"]:
        """The figure under each of b weightings of n examples."""
        return self.by_weight(prediction, targets)(weights)

    def defined(self, figure: float, *, seen: bool) -> float:
        """The figure, or the error that says why there is none."""
        if not math.isfinite(figure):
            name = type(self).__name__
            got = f"{figure}" if seen else "nothing"
            raise BadValue(
                f"{name} must be computed over finite predictions and {self.needs}, got {got}. "
                "Look at what the held-out part holds and whether the training has diverged."
            )
        return figure


class SumMetric(WeightedMetric):
    """A metric that is a figure of weighted sums over examples; keeps nothing but the sums."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None

    @abstractmethod
    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """What is added up over batches."""

    @abstractmethod
    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """From the sums over all examples to the metric."""

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`."""
        return lambda weights: self.figure(self.sums(prediction, targets, weights=weights))

    def update(self, prediction: Prediction, targets: Any, *, weight: Tensor | None = None) -> None:
        """Add the sums of these examples; nothing leaves the device."""
        added = self.sums(prediction, targets, weights=weights_of(targets, weight)).detach()
        self._sums = added if self._sums is None else self._sums + added

    def compute(self) -> float:
        """See `Metric.compute`."""
        if self._sums is None:
            return self.defined(math.nan, seen=False)
        return self.defined(float(self.figure(self._sums)), seen=True)


class MeanMetric(SumMetric):
    """A metric that is the weighted mean of one value an example."""

    @abstractmethod
    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """(n,) one value an example."""

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "2 b"]:
        """The weighted values, and the weights."""
        return _totals(self.values(prediction, targets), weights)

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`."""
        values = self.values(prediction, targets)
        return lambda weights: self.figure(_totals(values, weights))

    def figure(self, sums: Float[Tensor, "2 b"]) -> Float[Tensor, "b"]:
        """Their quotient."""
        return sums[0] / sums[1]


def _totals(values: Tensor, weights: Tensor) -> Tensor:
    return torch.stack([values.to(weights.dtype) @ weights, weights.sum(dim=0)])


def weights_of(targets: Any, weight: Tensor | None) -> Float[Tensor, "n 1"]:
    """How much each example counts, in the precision in which metrics add.

    Targets that are a list, an item an example, are judged on the processor.
    """
    device = targets.device if isinstance(targets, Tensor) else torch.device("cpu")
    dtype = sum_dtype(device)
    if weight is None:
        return torch.ones(len(targets), 1, dtype=dtype, device=device)
    return weight.to(device=device, dtype=dtype)[:, None]


def sum_dtype(device: torch.device) -> torch.dtype:
    """The precision in which metrics add."""
    return torch.float32 if device.type == "mps" else torch.float64  # Apple's have no float64
