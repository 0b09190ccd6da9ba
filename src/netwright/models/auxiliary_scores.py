"""What a network with auxiliary classifiers can be asked for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["GivesAuxiliaryScores"]


@runtime_checkable
class GivesAuxiliaryScores(Protocol):
    """A network that has other classifiers beside its main one.

    Its `forward` gives the scores of the main one alone, in training too.
    """

    def auxiliary_scores(self, inputs: Tensor, /) -> tuple[Tensor, ...]:
        """The main scores, then those of each auxiliary classifier, in one forward pass."""
        ...
