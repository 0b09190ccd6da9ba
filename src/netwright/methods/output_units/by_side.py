"""Answers by the side on which scores lie: how far they lie there is no probability."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_indices
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["BinaryBySide", "ClassesBySide"]


class BinaryBySide(OutputUnit):
    """Yes or no by the sign of one score.

    Args:
        names: of no and yes.
        targets: (n,) 0 or 1, of the training split.
    """

    target = "binary"

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        super().__init__(names=names, width=1)
        if len(names) != 2:
            raise must_be("names", "the 2 classes of a binary target", names)
        if targets is not None:
            class_indices(targets, num_classes=2)

    def predict(self, scores: Float[Tensor, "n 1"]) -> Prediction:
        """Yes on the positive side."""
        margins = at_least_float32(scores)
        return Prediction(outputs=(margins.squeeze(1) > 0).long(), logits=margins)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first; none that need probabilities."""
        return {**standard_metrics("binary", num_outputs=2, probabilities=False)}


class ClassesBySide(OutputUnit):
    """One of k classes by the highest score.

    Args:
        names: of the classes.
        targets: (n,) class indices of the training split.
    """

    target = "classes"

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        super().__init__(names=names, width=len(names))
        if len(names) < 2:
            raise must_be("names", "at least 2 classes", names)
        if targets is not None:
            class_indices(targets, num_classes=len(names))

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The class of the highest score."""
        margins = at_least_float32(scores)
        return Prediction(outputs=margins.argmax(dim=1), logits=margins)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first; none that need probabilities."""
        return {**standard_metrics("classes", num_outputs=self.width, probabilities=False)}
