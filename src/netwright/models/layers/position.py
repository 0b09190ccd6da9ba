"""Where a token stands, told to an attention that can't see it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["AbsolutePosition", "NoPosition", "Position", "RelativePosition"]


class Position(nn.Module, ABC):
    """What is known of the places of t = height · width tokens, row by row.

    Attributes:
        grid: (height, width) of the tokens; None where any will do.
    """

    grid: tuple[int, int] | None = None

    @abstractmethod
    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """The tokens, with what is told to them before any attention."""

    @abstractmethod
    def bias(self) -> Float[Tensor, "m t t"] | None:
        """What is added to how well a key fits a query; None for nothing."""


class NoPosition(Position):
    """Nothing: attention sees a bag of tokens."""

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """The tokens as they are."""
        return tokens

    def bias(self) -> None:
        """None."""
        return


class AbsolutePosition(Position):
    """A vector for each place, learned and added to the token that stands there.

    When to use it: where a place means something by itself, and sizes never change.

    Paper: An Image is Worth 16x16 Words, 2020, https://arxiv.org/abs/2010.11929

    Args:
        features: of a token.
        grid: (height, width) of the tokens; (1, length) for a sequence.
    """

    def __init__(self, features: int, *, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = height, width = _checked(grid)
        self.places = nn.Embedding(height * width, features)
        nn.init.trunc_normal_(self.places.weight, std=0.02)

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """The tokens, each with the vector of its place."""
        return tokens + self.places.weight

    def bias(self) -> None:
        """None."""
        return


class RelativePosition(Position):
    """A number for each head and each offset between two tokens, added to how well they fit.

    When to use it: where it matters how far away another token is and on which side, not where
    both are: pictures, mostly. An offset is learned wherever it occurs, and torch's fused attention
    takes the numbers as they are.

    Paper: Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, 2021,
        https://arxiv.org/abs/2103.14030
    Differs: Self-Attention with Relative Position Representations (2018,
        https://arxiv.org/abs/1803.02155) has a vector for each offset, multiplied with the query;
        fused attention can't do that. The table starts at zero: as no position at all.

    Args:
        grid: (height, width) of the tokens; (1, length) for a sequence.
        heads: of the attention.

    Example:
        >>> RelativePosition((4, 6), heads=2).bias().shape
        torch.Size([2, 24, 24])
    """

    offset: Tensor

    def __init__(self, grid: tuple[int, int], *, heads: int) -> None:
        super().__init__()
        self.grid = height, width = _checked(grid)
        self.table = nn.Parameter(torch.zeros(heads, (2 * height - 1) * (2 * width - 1)))
        row, column = torch.arange(height * width) // width, torch.arange(height * width) % width
        down = row[:, None] - row + height - 1
        across = column[:, None] - column + width - 1
        self.register_buffer("offset", down * (2 * width - 1) + across, persistent=False)

    def forward(self, tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t d"]:
        """The tokens as they are."""
        return tokens

    def bias(self) -> Float[Tensor, "m t t"]:
        """The number of each head for each (query, key), by the offset between them."""
        return self.table[:, self.offset]


def _checked(grid: tuple[int, int]) -> tuple[int, int]:
    if len(grid) != 2 or min(grid) < 1:
        raise must_be("grid", "(height, width) of at least 1", grid)
    return grid[0], grid[1]
