"""Yes or no, by margin."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.hinge import hinge
from netwright.methods.output_units.by_side import BinaryBySide

__all__ = ["BinaryHinge"]


class BinaryHinge(BinaryBySide):
    """The hinge loss over one score; it is a margin, so there are no probabilities.

    Args:
        names: of no and yes.
        targets: (n,) 0 or 1, of the training split.
    """

    def loss(self, scores: Float[Tensor, "n 1"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How much each example falls short of its margin."""
        return hinge(scores.squeeze(1), targets)

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "1"]:
        """The margin on the commoner side."""
        return torch.sign(targets.double().mean() - 0.5).reshape(1).float()
