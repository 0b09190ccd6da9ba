"""Yes or no, by margin."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.hinge import hinge
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_indices
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["BinaryHinge"]


class BinaryHinge(OutputUnit):
    """The hinge loss over one score; it is a margin, so there are no probabilities.

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
        """How much each example falls short of its margin."""
        return hinge(scores.squeeze(1), targets)

    def predict(self, scores: Float[Tensor, "n 1"]) -> Prediction:
        """Yes on the positive side."""
        margins = at_least_float32(scores)
        return Prediction(outputs=(margins.squeeze(1) > 0).long(), logits=margins)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first; none that need probabilities."""
        return {**standard_metrics("binary", num_outputs=2, probabilities=False)}

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "1"]:
        """The margin on the commoner side."""
        return torch.sign(targets.double().mean() - 0.5).reshape(1).float()
