"""Weights that are learned as the noise of each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright.methods.multi_task.weighting import TaskCosts, Weighting
from netwright.methods.output_units.real import Real

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads

__all__ = ["Uncertainty"]


class Uncertainty(Weighting):
    """Each task's loss over its variance, and the logarithm that keeps the variance from growing.

    With s = log σ², squared error over d columns costs ½·exp(−s)·loss + ½·d·s, which is the
    likelihood of a normal law; classes cost exp(−s)·loss + ½·s, which is about that of a softmax of
    scores over σ². So s goes to log(loss / d) and log(2·loss): a task that is learned well weighs
    more, one that is noise less.

    When to use it: tasks whose losses differ by orders of magnitude and no time to try weights. It
    never weighs what matters to you, only what can be learned.

    Paper: Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics,
        2018, https://arxiv.org/abs/1705.07115
    Differs: units other than squared error take the form of classes, whatever their loss; the paper
        has these two. The s begin at 0 and are learned like other parameters of one dimension,
        without weight decay, which would pull every σ to 1.

    Args:
        heads: of the tasks.
    """

    factors: Tensor
    columns: Tensor

    def __init__(self, heads: Heads) -> None:
        super().__init__(heads)
        squared = [isinstance(head.unit, Real) for head in heads.heads]
        widths = [head.unit.width for head in heads.heads]
        factors = [0.5 if one else 1.0 for one in squared]
        columns = [float(d) if one else 1.0 for one, d in zip(squared, widths, strict=True)]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.log_variances = nn.Parameter(torch.zeros(len(factors)))

    def total(self, costs: TaskCosts) -> Float[Tensor, ""]:
        """The negative log-likelihood, but for constants."""
        s = self.log_variances
        precise = self.factors * (-s).exp() * costs.totals
        return (precise + costs.labels * self.columns * s / 2).sum()

    def floor(self, best: Float[Tensor, "tasks"], shares: Float[Tensor, "tasks"]) -> float:
        """The best constant answers at their best variances."""
        factors, columns = self.factors.cpu(), self.columns.cpu()
        s = (2 * factors * best / columns).log()
        return float((shares * columns * (1 + s) / 2).sum())

    def terms(self) -> Mapping[str, Tensor]:
        """The logarithm of each task's variance."""
        return {
            f"log_variance/{task}": s
            for task, s in zip(self.tasks, self.log_variances.detach().unbind(), strict=True)
        }
