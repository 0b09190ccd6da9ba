"""One of k classes, by margin."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netwright.losses.hinge import multiclass_hinge
from netwright.methods.output_units.base import class_shares
from netwright.methods.output_units.by_side import ClassesBySide

__all__ = ["ClassesHinge"]


class ClassesHinge(ClassesBySide):
    """The multi-class hinge loss; its scores are margins, so there are no probabilities.

    Args:
        names: of the classes.
        targets: (n,) class indices of the training split.
    """

    def loss(self, scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How much each example falls short of its margin."""
        return multiclass_hinge(scores, targets)

    def prior_bias(self, targets: Int[Tensor, "n"]) -> Float[Tensor, "k"]:
        """1 for the commonest class if more than half are of it; else a tie costs least."""
        shares = class_shares(targets, num_classes=self.width)
        return torch.where(shares > 0.5, 1.0, 0.0).float()
