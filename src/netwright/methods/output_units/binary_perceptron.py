"""Yes or no, learned from mistakes alone."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.perceptron import perceptron
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_indices
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["BinaryPerceptron"]


class BinaryPerceptron(OutputUnit):
    """Rosenblatt's rule over one score; its size means nothing, so there are no probabilities.

    The rule itself takes one example at a time: SGD at a learning rate of 1 without momentum and
    weight decay, batches of 1, and a network whose last layer starts at zero (`perceptron`).

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

    def loss(self, scores: Float[Tensor, "n 1"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How far each example is on the wrong side."""
        return perceptron(scores.squeeze(1), targets)

    def predict(self, scores: Float[Tensor, "n 1"]) -> Prediction:
        """Yes on the positive side."""
        margins = at_least_float32(scores)
        return Prediction(outputs=(margins.squeeze(1) > 0).long(), logits=margins)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first; none that need probabilities."""
        return {**standard_metrics("binary", num_outputs=2, probabilities=False)}

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "1"]:
        """Nothing, which costs nothing: no constant is better."""
        return targets.new_zeros(1).float()
