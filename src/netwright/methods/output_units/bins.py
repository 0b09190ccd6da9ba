"""A real number as one of several bins, and back."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.losses.cross_entropy import cross_entropy
from netwright.losses.precision import at_least_float32
from netwright.methods.output_units.base import (
    OutputUnit,
    checked_smoothing,
    class_shares,
)
from netwright.methods.output_units.standardised import num_columns
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.standard import standard_metrics

__all__ = ["Bins"]


class Bins(OutputUnit):
    """Regression as classification: the answer is the expected bin centre.

    Use it where the law of the target has several peaks, or where its shape matters. Bins hold
    equal shares of the training targets; a centre is the mean of the targets in its bin. Where many
    targets are alike some bins stay empty; their centre is the edge.

    Paper: Improving Regression Performance with Distributional Losses, 2018,
        https://arxiv.org/abs/1806.04613

    Args:
        names: of the one target column.
        targets: (n,) numbers of the training split.
        num_bins: how many, at least 2.
        label_smoothing: share of the target's mass that is spread over all bins, [0, 1).
    """

    target = "bins"
    edges: Tensor
    centres: Tensor

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        targets: Tensor | None,
        num_bins: int = 20,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(names=names, width=num_bins)
        if num_bins < 2:
            raise must_be("num_bins", "at least 2", num_bins, "20 suits most targets.")
        if num_columns(names, targets) != 1:
            raise BadData(
                "targets must be one column for bins, got several. Train a model a column."
            )
        self.label_smoothing = checked_smoothing(label_smoothing)
        if targets is None:
            edges, centres = torch.zeros(num_bins - 1), torch.zeros(num_bins)
        else:
            edges, centres = _fit(targets.reshape(-1).float(), num_bins=num_bins)
        self.register_buffer("edges", edges)
        self.register_buffer("centres", centres)

    def bins(self, targets: Num[Tensor, "n"]) -> Tensor:
        """(n,) the bin of each target; what lies outside the training range takes the outermost."""
        return torch.bucketize(targets.reshape(-1).to(self.edges.dtype), self.edges, right=True)

    def loss(self, scores: Float[Tensor, "n k"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Cross-entropy of the bin."""
        return cross_entropy(scores, self.bins(targets), label_smoothing=self.label_smoothing)

    def predict(self, scores: Float[Tensor, "n k"]) -> Prediction:
        """The expected centre."""
        logits = at_least_float32(scores)
        probabilities = logits.softmax(dim=1)
        # not a matrix product: autocast would take that in half precision
        expected = (probabilities * self.centres.to(logits.dtype)).sum(dim=1)
        return Prediction(outputs=expected, probabilities=probabilities, logits=logits)

    def metrics(self) -> dict[str, Metric]:
        """Root mean squared error first."""
        return {**standard_metrics("bins", num_outputs=1)}

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "k"]:
        """The logarithm of each bin's share."""
        shares = class_shares(self.bins(targets), num_classes=self.width)
        smoothed = (1 - self.label_smoothing) * shares + self.label_smoothing / self.width
        return smoothed.log().float()


def _fit(values: Float[Tensor, "n"], *, num_bins: int) -> tuple[Tensor, Tensor]:
    ordered = values.sort().values
    cuts = torch.arange(1, num_bins) * len(values) // num_bins
    edges = ordered[cuts]
    places = torch.bucketize(values, edges, right=True)
    counts = places.bincount(minlength=num_bins)
    totals = torch.zeros(num_bins, dtype=torch.float64).index_add_(0, places, values.double())
    nearest = edges[(torch.arange(num_bins) - 1).clamp(min=0)].double()
    centres = torch.where(counts > 0, totals / counts.clamp(min=1), nearest)
    return edges.clone(), centres.float()
