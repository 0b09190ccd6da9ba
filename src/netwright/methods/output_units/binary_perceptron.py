"""Yes or no, learned from mistakes alone."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from netwright.losses.perceptron import perceptron
from netwright.methods.output_units.by_side import BinaryBySide

__all__ = ["BinaryPerceptron"]


class BinaryPerceptron(BinaryBySide):
    """Rosenblatt's rule over one score; its size means nothing, so there are no probabilities.

    The rule itself takes one example at a time: SGD at a learning rate of 1 without momentum and
    weight decay, batches of 1, and a network whose last layer starts at zero (`perceptron`).

    Args:
        names: of no and yes.
        targets: (n,) 0 or 1, of the training split.
    """

    def loss(self, scores: Float[Tensor, "n 1"], targets: Num[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How far each example is on the wrong side."""
        return perceptron(scores.squeeze(1), targets)

    def prior_bias(self, targets: Num[Tensor, "n"]) -> Float[Tensor, "1"]:
        """Nothing, which costs nothing: no constant is better."""
        return targets.new_zeros(1).float()
