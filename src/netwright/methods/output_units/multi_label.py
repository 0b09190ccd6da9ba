"""Any number of k labels."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.losses.binary_cross_entropy import binary_cross_entropy
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, checked_smoothing, label_shares
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["MultiLabel"]


class MultiLabel(OutputUnit):
    """A sigmoid a label and binary cross-entropy, added over the labels.

    Args:
        names: of the labels.
        targets: (n, k) 0 or 1, of the training split.
        label_smoothing: share of each label's mass that is spread over yes and no, [0, 1).
    """

    target = "multi-label"
    mixes = True

    def __init__(
        self, *, names: tuple[str, ...], targets: Tensor | None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(names=names, width=len(names))
        if not names:
            raise must_be("names", "at least 1 label", names)
        self.label_smoothing = checked_smoothing(label_smoothing)
        if targets is not None and targets.shape[1:] != (self.width,):
            raise BadData(
                f"targets must be one column a label (n, {self.width}), got "
                f"{tuple(targets.shape)}. The labels are {', '.join(names)}."
            )

    def loss(self, scores: Float[Tensor, "n k"], targets: Num[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """Binary cross-entropy, added over the labels."""
        return binary_cross_entropy(scores, targets, label_smoothing=self.label_smoothing)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The labels that are likelier than not."""
        logits = at_least_float32(scores)
        return Prediction(
            outputs=(logits > 0).to(logits.dtype), probabilities=logits.sigmoid(), logits=logits
        )

    def metrics(self) -> dict[str, Metric]:
        """Average precision first: rare labels seldom cross the threshold early in training."""
        return {**standard_metrics("multi-label", num_outputs=self.width)}

    def prior_bias(self, targets: Num[Tensor, "n k"]) -> Float[Tensor, "k"]:
        """The log-odds of each label."""
        shares = label_shares(targets)
        return ((1 - self.label_smoothing) * shares + self.label_smoothing / 2).logit().float()
