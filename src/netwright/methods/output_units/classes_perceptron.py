"""One of k classes, learned from mistakes alone."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from netwright.losses.perceptron import multiclass_perceptron
from netwright.methods.output_units.by_side import ClassesBySide

__all__ = ["ClassesPerceptron"]


class ClassesPerceptron(ClassesBySide):
    """Rosenblatt's rule for each class against the others; there are no probabilities.

    Args:
        names: of the classes.
        targets: (n,) class indices of the training split.
    """

    def loss(self, scores: Float[Tensor, "n k"], targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """How far each example is on the wrong side of each class."""
        return multiclass_perceptron(scores, targets)

    def prior_bias(self, targets: Int[Tensor, "n"]) -> Float[Tensor, "k"]:
        """Nothing, which costs nothing: no constant is better."""
        return targets.new_zeros(self.width).float()
