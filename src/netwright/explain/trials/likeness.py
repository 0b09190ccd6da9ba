"""How alike two sets of maps are, by the measures that the sanity checks use."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from netwright.explain.trials.ordering import places
from netwright.explain.trials.similarity import spearman, structural_similarity

__all__ = ["Likeness", "likeness"]


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How alike the maps of each picture are; 1 for the same, about 0 for nothing in common.

    Attributes:
        signed: (n,) rank correlation of the numbers.
        unsigned: (n,) rank correlation of their sizes.
        structural: (n,) structural similarity; None for rows, which have no windows.
    """

    signed: Float[Tensor, "n"]
    unsigned: Float[Tensor, "n"]
    structural: Float[Tensor, "n"] | None

    @property
    def highest(self) -> Float[Tensor, "n"]:
        """The larger rank correlation: a map can stay the same but for its sign."""
        return self.signed.maximum(self.unsigned)


def likeness(first: Tensor, second: Tensor, *, inputs: Tensor) -> Likeness:
    """Compare two sets of maps of the same pictures.

    Args:
        first: (n, h, w), or of the inputs' shape, which is summed over the colours.
        second: what it is compared with.
        inputs: (n, c, h, w) pictures, or rows (n, d).

    Raises:
        BadValue: maps that do not fit the inputs, or are not finite.
    """
    one, other = places(first, inputs), places(second, inputs)
    size = inputs.shape[2:]
    structural = (
        structural_similarity(one.view(-1, *size), other.view(-1, *size))
        if len(size) == 2
        else None
    )
    return Likeness(
        signed=spearman(one, other),
        unsigned=spearman(one.abs(), other.abs()),
        structural=structural,
    )
