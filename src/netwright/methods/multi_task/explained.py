"""How much of the tasks is learned, in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from netwright.metrics.base import Prediction, SumMetric

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads

__all__ = ["Explained"]


class Explained(SumMetric):
    """The mean over the tasks of 1 − loss / loss of the best constant answer of the training split.

    0 for constants, 1 for answers without any loss. So tasks of unlike kinds count alike, whatever
    the scale of their losses: a real one by the share of its variance, a class by the share of its
    entropy. A task that the judged examples have no target of is left out.

    Args:
        heads: of the tasks.
    """

    higher_is_better = True

    def __init__(self, heads: Heads) -> None:
        super().__init__()
        self._heads = heads

    def sums(
        self, prediction: Prediction, targets: Tensor, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Each task's loss over the constant answer's, then the weights of its examples."""
        heads, scores = self._heads, prediction.logits
        device = heads.prior_losses.device
        rows = targets.to(device)
        with torch.no_grad():
            costs = [head.costs(scores.to(device), rows) for head in heads.heads]  # type: ignore[union-attr]
        there = [~head.missing(rows) for head in heads.heads]
        shares = torch.stack(costs).to(weights) / heads.prior_losses.to(weights)[:, None]
        return torch.cat([shares @ weights, torch.stack(there).to(weights) @ weights])

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        costs, labels = sums.chunk(2)
        judged = labels > 0
        left = (costs / labels.clamp(min=torch.finfo(labels.dtype).tiny)).where(judged, 0)
        return 1 - left.sum(dim=0) / judged.sum(dim=0)
