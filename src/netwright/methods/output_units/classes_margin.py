"""One of k classes, by the lengths of capsules."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from netwright._errors import must_be
from netwright.losses.margin import best_length, margin, shares_of_lengths
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_indices, class_shares
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["ClassesMargin", "checked_margins"]


class ClassesMargin(OutputUnit):
    """The margin loss of lengths, which are the sigmoids of the scores.

    Lengths don't add up to 1 and aren't probabilities. The probabilities of a prediction are what
    the lengths say under the loss they were trained with (`losses.margin.shares_of_lengths`), kept
    `least` away from 0 and 1, because a length beyond its margin says no more, and divided by
    their sum. Equal shares everywhere mean that no capsule is longer than the lower margin.

    Args:
        names: of the classes.
        targets: (n,) class indices of the training split.
        present: length above which the class that is there costs nothing.
        absent: length below which one that isn't costs nothing.
        absent_weight: what classes that are not there weigh.
        least: the least that is said of any class, before division by the sum.
    """

    target = "classes"
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
        if len(names) < 2:
            raise must_be("names", "at least 2 classes", names)
        self.margins = checked_margins(present=present, absent=absent, absent_weight=absent_weight)
        if not 0 < least < 0.5:
            raise must_be("least", "above 0 and below 0.5", least)
        self.least = least
        if targets is not None:
            class_indices(targets, num_classes=len(names))

    def loss(
        self, scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"] | Float[Tensor, "n k"]
    ) -> Float[Tensor, "n"]:
        """The margin loss; the targets may be laws over the classes."""
        return margin(at_least_float32(scores).sigmoid(), targets, **self.margins)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The class of the longest capsule."""
        logits = at_least_float32(scores)
        shares = shares_of_lengths(logits.sigmoid(), **self.margins)
        kept = shares.clamp(self.least, 1 - self.least)
        return Prediction(
            outputs=logits.argmax(dim=1),
            probabilities=kept / kept.sum(dim=1, keepdim=True),
            logits=logits,
        )

    def metrics(self) -> dict[str, Metric]:
        """Accuracy first."""
        return {**standard_metrics("classes", num_outputs=self.width)}

    def prior_bias(self, targets: Int[Tensor, "n"] | Float[Tensor, "n k"]) -> Float[Tensor, "k"]:
        """The scores of the lengths that cost least for each class's share."""
        shares = class_shares(targets, num_classes=self.width)
        return best_length(shares, **self.margins).logit().float()


def checked_margins(*, present: float, absent: float, absent_weight: float) -> dict[str, float]:
    """Margins within which a length can lie."""
    if not 0 < absent < present < 1:
        rule = "above absent, both between 0 and 1"
        raise must_be("present", rule, present, f"absent={absent}; 0.9 and 0.1 are the paper's.")
    if not absent_weight > 0:
        raise must_be("absent_weight", "above 0", absent_weight, "0.5 is the paper's.")
    return {"present": present, "absent": absent, "absent_weight": absent_weight}
