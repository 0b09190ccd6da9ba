"""Any number of k labels, by the lengths of capsules."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.losses.margin import best_length, margin, shares_of_lengths
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, label_shares
from netwright.methods.output_units.classes_margin import checked_margins
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["MultiLabelMargin"]


class MultiLabelMargin(OutputUnit):
    """The margin loss of lengths, each label for itself: things that overlap in one picture.

    The probability of a label is what its length says under that loss: `losses.margin`.

    Args:
        names: of the labels.
        targets: (n, k) 0 or 1, of the training split.
        present: length above which a label that is set costs nothing.
        absent: length below which one that isn't costs nothing.
        absent_weight: what labels that are not set weigh.
        least: how far probabilities are kept from 0 and 1.
    """

    target = "multi-label"
    mixes = True

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        targets: Tensor | None,
        present: float = 0.9,
        absent: float = 0.1,
        absent_weight: float = 0.5,
        least: float = 1e-4,
    ) -> None:
        super().__init__(names=names, width=len(names))
        if not names:
            raise must_be("names", "at least 1 label", names)
        self.margins = checked_margins(present=present, absent=absent, absent_weight=absent_weight)
        if not 0 < least < 0.5:
            raise must_be("least", "above 0 and below 0.5", least)
        self.least = least
        if targets is not None and targets.shape[1:] != (self.width,):
            raise BadData(
                f"targets must be one column a label (n, {self.width}), got "
                f"{tuple(targets.shape)}. The labels are {', '.join(names)}."
            )

    def loss(self, scores: Float[Tensor, "n k"], targets: Num[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """The margin loss, added over the labels."""
        return margin(at_least_float32(scores).sigmoid(), targets, **self.margins)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The labels that are likelier than not, given their lengths."""
        logits = at_least_float32(scores)
        shares = shares_of_lengths(logits.sigmoid(), **self.margins)
        kept = shares.clamp(self.least, 1 - self.least)
        return Prediction(outputs=(kept > 0.5).to(kept.dtype), probabilities=kept, logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Average precision first, as with binary cross-entropy."""
        return {**standard_metrics("multi-label", num_outputs=self.width)}

    def prior_bias(self, targets: Num[Tensor, "n k"]) -> Float[Tensor, "k"]:
        """The scores of the lengths that cost least for each label's share."""
        return best_length(label_shares(targets), **self.margins).logit().float()
