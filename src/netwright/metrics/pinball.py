"""Whether predicted quantiles lie where they should."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netwright.metrics.base import MeanMetric, Prediction, SumMetric

__all__ = ["CoverageError", "Pinball"]


class Pinball(MeanMetric):
    """The pinball loss, as the mean over examples and quantiles."""

    higher_is_better = False

    def __init__(self, *, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.quantiles = tuple(quantiles)

    def values(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """The mean over the quantiles."""
        errors = targets.reshape(-1, 1) - prediction.outputs
        levels = torch.tensor(self.quantiles, dtype=errors.dtype, device=errors.device)
        return torch.maximum(levels * errors, (levels - 1) * errors).mean(dim=1)


class CoverageError(SumMetric):
    """How far the share of targets between the outer quantiles is from what it should be."""

    higher_is_better = False

    def __init__(self, *, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.wanted = max(quantiles) - min(quantiles)

    def sums(self, prediction: Prediction, targets: Tensor, *, weights: Tensor) -> Tensor:
        """The targets inside, and the weights."""
        wanted = targets.reshape(-1)
        least, most = prediction.outputs.aminmax(dim=1)
        inside = ((wanted >= least) & (wanted <= most)).to(weights.dtype)
        return torch.stack([inside @ weights, weights.sum(dim=0)])

    def figure(self, sums: Tensor) -> Tensor:
        """See `SumMetric.figure`."""
        return (sums[0] / sums[1] - self.wanted).abs()
