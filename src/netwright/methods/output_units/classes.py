"""One of k classes that exclude each other."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.cross_entropy import cross_entropy, total_cross_entropy
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import (
    OutputUnit,
    checked_smoothing,
    class_indices,
    class_shares,
)
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["Classes"]


class Classes(OutputUnit):
    """Softmax and cross-entropy.

    Args:
        names: of the classes.
        targets: (n,) class indices of the training split.
        label_smoothing: share of the target's mass that is spread over all classes, [0, 1).
    """

    target = "classes"
    mixes = True

    def __init__(
        self, *, names: tuple[str, ...], targets: Tensor | None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(names=names, width=len(names))
        if len(names) < 2:
            raise must_be("names", "at least 2 classes", names)
        self.label_smoothing = checked_smoothing(label_smoothing)
        if targets is not None:
            class_indices(targets, num_classes=len(names))

    def loss(
        self,
        scores: Float[Tensor, "n k"],
        targets: Int[Tensor, "n"] | Float[Tensor, "n k"],
    ) -> Float[Tensor, "n"]:
        """Cross-entropy; the targets may be laws over the classes."""
        return cross_entropy(scores, targets, label_smoothing=self.label_smoothing)

    def total(
        self,
        scores: Float[Tensor, "n k"],
        targets: Int[Tensor, "n"] | Float[Tensor, "n k"],
    ) -> Float[Tensor, ""]:
        """See `OutputUnit.total`."""
        return total_cross_entropy(scores, targets, label_smoothing=self.label_smoothing)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The likeliest class."""
        logits = at_least_float32(scores)
        return Prediction(
            outputs=logits.argmax(dim=1), probabilities=logits.softmax(dim=1), logits=logits
        )

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first."""
        return {**standard_metrics("classes", num_outputs=self.width)}

    def prior_bias(self, targets: Int[Tensor, "n"] | Float[Tensor, "n k"]) -> Float[Tensor, "k"]:
        """The logarithm of each class's share."""
        shares = class_shares(targets, num_classes=self.width)
        smoothed = (1 - self.label_smoothing) * shares + self.label_smoothing / self.width
        return smoothed.log().float()
