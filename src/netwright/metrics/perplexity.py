"""How many tokens a language model is torn between."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import must_be
from netwright.metrics.base import ByWeight, Prediction, SumMetric, sum_dtype

__all__ = ["Perplexity"]


class Perplexity(SumMetric):
    """exp of the mean −log P over all tokens that count; the vocabulary's size if all are alike.

    Answers have `logits` (n, t, v), or `probabilities` of that shape, which are kept off 0 by the
    precision of their number type; targets are (n, t). Keeps two numbers.

    Paper: Perplexity: a Measure of the Difficulty of Speech Recognition Tasks, 1977,
        https://doi.org/10.1121/1.2016299

    Args:
        ignore_index: target of the places that don't count (padding).
    """

    higher_is_better = False
    needs = "at least one token that counts"

    def __init__(self, *, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "2 b"]:
        """−log P of all tokens, and how many there are."""
        return self._each(prediction, targets) @ weights

    def by_weight(self, prediction: Prediction, targets: Tensor) -> ByWeight:
        """See `WeightedMetric.by_weight`; a weight is that of a sequence."""
        each = self._each(prediction, targets)
        return lambda weights: self.figure(each @ weights)

    def figure(self, sums: Float[Tensor, "2 b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        return (sums[0] / sums[1]).exp()

    def _each(self, prediction: Prediction, targets: Tensor) -> Tensor:
        """(2, n) the sums of each sequence."""
        counted = torch.ones_like(targets, dtype=torch.bool)
        if self.ignore_index is not None:
            counted = targets != self.ignore_index
        wanted = targets.where(counted, 0).long()[..., None]
        surprise = -_log_probabilities(prediction).gather(-1, wanted).squeeze(-1)
        surprise = surprise.to(sum_dtype(surprise.device)).where(counted, 0)
        return torch.stack([surprise.flatten(1).sum(dim=1), counted.flatten(1).sum(dim=1)])


def _log_probabilities(prediction: Prediction) -> Tensor:
    if prediction.logits is not None:
        logits = prediction.logits
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=-1)
    if prediction.probabilities is None:
        raise must_be("prediction", "given with logits or probabilities of each token", None)
    given = prediction.probabilities
    return given.clamp(min=torch.finfo(given.dtype).eps).log()
