"""Yes or no."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.binary_cross_entropy import binary_cross_entropy
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import (
    OutputUnit,
    checked_smoothing,
    class_indices,
    label_shares,
)
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["Binary"]


class Binary(OutputUnit):
    """Sigmoid and binary cross-entropy over one score: the log-odds of the second class.

    Args:
        names: of no and yes.
        targets: (n,) 0 or 1, of the training split.
        label_smoothing: share of the target's mass that is spread over both classes, [0, 1).
    """

    target = "binary"
    mixes = True

    def __init__(
        self, *, names: tuple[str, ...], targets: Tensor | None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(names=names, width=1)
        if len(names) != 2:
            raise must_be("names", "the 2 classes of a binary target", names)
        self.label_smoothing = checked_smoothing(label_smoothing)
        if targets is not None:
            class_indices(targets, num_classes=2)

    def loss(self, scores: Float[Tensor, "n 1"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Binary cross-entropy; a target may be a probability."""
        return binary_cross_entropy(
            scores.squeeze(1), targets, label_smoothing=self.label_smoothing
        )

    def predict(self, scores: Float[Tensor, "n 1"]) -> Prediction:
        """Yes where it is likelier than no."""
        logits = at_least_float32(scores)
        odds = logits.squeeze(1)
        return Prediction(outputs=(odds > 0).long(), probabilities=odds.sigmoid(), logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first."""
        return {**standard_metrics("binary", num_outputs=2)}

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "1"]:
        """The log-odds of yes."""
        shares = label_shares(targets[:, None])
        return ((1 - self.label_smoothing) * shares + self.label_smoothing / 2).logit().float()
