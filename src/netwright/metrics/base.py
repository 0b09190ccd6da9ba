"""What is judged, and the contract of what judges it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["Metric", "Prediction"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a method answers for n inputs.

    Attributes:
        outputs: the answer in the target's own terms: class indices (n,), numbers (n,) or (n, t),
            label sets (n, k).
        probabilities: (n, k) where the method has them; (n,) of the positive class if binary.
        logits: what the network itself gave.
    """

    outputs: Any
    probabilities: Tensor | None = None
    logits: Tensor | None = None


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
