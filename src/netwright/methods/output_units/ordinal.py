"""Classes that have an order."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from netwright._errors import must_be
from netwright.losses.ordinal import cumulative_probabilities, ordinal
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import OutputUnit, class_shares
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["Ordinal"]

_SMALLEST_GAP = 1e-3  # a smaller one drowns in float32, and its class would get probability 0


class Ordinal(OutputUnit):
    """Proportional odds: one score an example, cut by learned, ordered thresholds.

    The thresholds start where a score of 0 gives the shares of the training split.

    Args:
        names: of the classes, in their order.
        targets: (n,) places in that order, of the training split.
    """

    target = "ordinal"

    def __init__(self, *, names: tuple[str, ...], targets: Tensor | None) -> None:
        super().__init__(names=names, width=1)
        if len(names) < 3:
            raise must_be("names", "at least 3 classes", names, "Two are a binary target.")
        if targets is None:
            start = torch.arange(len(names) - 1, dtype=torch.float32)
        else:
            start = prior_thresholds(targets, num_classes=len(names)).float()
        self.first_threshold = nn.Parameter(start[:1].clone())
        gaps = (start.diff() - _SMALLEST_GAP).clamp(min=_SMALLEST_GAP)
        self.raw_gaps = nn.Parameter(gaps + (-(-gaps).expm1()).log())  # inverse of softplus

    @property
    def thresholds(self) -> Float[Tensor, "cuts"]:
        """Where the scale is cut; increasing by construction."""
        gaps = F.softplus(self.raw_gaps) + _SMALLEST_GAP
        return torch.cat([self.first_threshold, gaps]).cumsum(dim=0)

    def loss(self, scores: Float[Tensor, "n 1"], targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """The negative log-likelihood of the class."""
        return ordinal(scores.squeeze(1), targets, thresholds=self.thresholds)

    def predict(self, scores: Float[Tensor, "n 1"]) -> Prediction:
        """The likeliest class."""
        logits = at_least_float32(scores)
        probabilities = cumulative_probabilities(logits.squeeze(1), self.thresholds)
        return Prediction(
            outputs=probabilities.argmax(dim=1), probabilities=probabilities, logits=logits
        )

    def metrics(self) -> dict[str, Metric]:
        """Quadratic kappa first."""
        return {**standard_metrics("ordinal", num_outputs=len(self.names))}

    def prior_bias(self, targets: Int[Tensor, "n"]) -> Float[Tensor, "1"]:
        """0: the thresholds hold the prior."""
        return torch.zeros(1, device=targets.device)

    def prior_loss(self, targets: Int[Tensor, "n"]) -> float:
        """The entropy of these targets, whatever the thresholds have become."""
        thresholds = prior_thresholds(targets, num_classes=len(self.names))
        scores = thresholds.new_zeros(len(targets))
        return float(ordinal(scores, targets, thresholds=thresholds).mean())


def prior_thresholds(targets: Int[Tensor, "n"], *, num_classes: int) -> Float[Tensor, "cuts"]:
    """The log-odds of being at most class j, for all but the last."""
    shares = class_shares(targets, num_classes=num_classes)
    return shares.cumsum(dim=0)[:-1].logit()
