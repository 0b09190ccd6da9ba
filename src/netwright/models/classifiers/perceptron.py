"""Rosenblatt's perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import height_and_width

__all__ = ["Perceptron"]


class Perceptron(nn.Module):
    """One layer of weights that start at zero, on what comes in or on fixed random units.

    When to use it: to see what the oldest rule of learning does. With the output unit
    `binary-perceptron` or `classes-perceptron`, plain SGD at a rate of 1 and batches of 1 it is
    that rule: on data that a plane parts it ends after a bounded number of mistakes, else never.

    Paper: The perceptron: a probabilistic model for information storage and organization in the
        brain, 1958, https://doi.org/10.1037/h0042519
    Differs: the threshold of the answer is in the output unit; without association units the
        layer looks at the inputs themselves, as the later literature has it.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: columns of a row; channels where the input is a picture.
        image_size: side, or (height, width), of a picture, which is flattened; None for rows.
        association_units: how many units with random connections of −1, 0 and 1, that never learn,
            stand before the layer; one fires where the sum of what it sees is above its random
            threshold. 0 for none.

    Example:
        >>> Perceptron(1, in_channels=2).head.weight.tolist()
        [[0.0, 0.0]]
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        association_units: int = 0,
    ) -> None:
        super().__init__()
        if association_units < 0:
            raise must_be("association_units", "at least 0", association_units)
        pixels = 1 if image_size is None else math.prod(height_and_width(image_size))
        features = in_channels * pixels
        self.flatten = nn.Flatten()
        self.association = (
            _Association(features, association_units) if association_units else nn.Identity()
        )
        self.head = nn.Linear(association_units or features, num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        return self.head(self.association(self.flatten(inputs)))  # type: ignore[no-any-return]


class _Association(nn.Module):
    """Units with fixed random connections, which fire or don't."""

    connections: Tensor
    thresholds: Tensor

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.register_buffer("connections", torch.randint(-1, 2, (units, features)).float())
        self.register_buffer("thresholds", torch.randn(units))

    def forward(self, inputs: Float[Tensor, "n d"]) -> Float[Tensor, "n u"]:
        sums = nn.functional.linear(inputs, self.connections.to(inputs.dtype))
        return (sums > self.thresholds.to(inputs.dtype)).to(inputs.dtype)
