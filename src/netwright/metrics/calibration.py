"""Whether confidence means what it says."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import Prediction, SumMetric
from netwright.metrics.probabilities import class_probabilities

__all__ = ["ExpectedCalibrationError"]


class ExpectedCalibrationError(SumMetric):
    """The mean gap between confidence and accuracy, over bins of equal width of the confidence.

    Confidence is the probability of the likeliest class, for binary answers too.

    Paper: On Calibration of Modern Neural Networks, 2017, https://arxiv.org/abs/1706.04599
    """

    higher_is_better = False

    def __init__(self, *, num_bins: int = 15) -> None:
        super().__init__()
        if num_bins < 1:
            raise must_be("num_bins", "at least 1", num_bins)
        self.num_bins = num_bins

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Confidence less accuracy, added up in every bin; and the weights."""
        confidence, answer = class_probabilities(prediction).max(dim=1)
        bins = (confidence * self.num_bins).nan_to_num(0).long().clamp(max=self.num_bins - 1)
        gaps = confidence.to(weights.dtype) - (answer == targets).to(weights.dtype)
        empty = weights.new_zeros(self.num_bins, weights.shape[1])
        by_bin = empty.index_add_(0, bins, weights * gaps[:, None])
        return torch.cat([by_bin, weights.sum(dim=0, keepdim=True)])

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return sums[:-1].abs().sum(dim=0) / sums[-1]
