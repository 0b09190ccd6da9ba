"""One of k classes, learned from mistakes alone."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.perceptron import multiclass_perceptron
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_indices
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["ClassesPerceptron"]


class ClassesPerceptron(OutputUnit):
    """Rosenblatt's rule for each class against the others; there are no probabilities.

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

    def loss(self, scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How far each example is on the wrong side of each class."""
        return multiclass_perceptron(scores, targets)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The class of the highest score."""
        margins = at_least_float32(scores)
        return Prediction(outputs=margins.argmax(dim=1), logits=margins)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first; none that need probabilities."""
        return {**standard_metrics("classes", num_outputs=self.width, probabilities=False)}

    def prior_bias(self, targets: Int[Tensor, "n"]) -> Float[Tensor, "k"]:
        """Nothing, which costs nothing: no constant is better."""
        return targets.new_zeros(self.width).float()
