"""One linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright.models.image_size import height_and_width

__all__ = ["Linear"]


class Linear(nn.Sequential):
    """Scores that are weighted sums of the inputs, and nothing more.

    When to use it: the baseline of everything. With squared error it is linear regression, with
    sigmoid or softmax logistic regression, with weight decay ridge, with `optimizer.l1` the lasso;
    its loss is convex, so every way down ends at the same minimum.

    Paper: The regression analysis of binary sequences, Cox 1958,
        https://doi.org/10.1111/j.2517-6161.1958.tb00292.x

    Args:
        num_classes: scores an input, at least 1.
        in_channels: columns of a row; channels where the input is a picture.
        image_size: side, or (height, width), of a picture, which is flattened; None for rows.
        bias: whether each score has a constant part.

    Example:
        >>> Linear(1, in_channels=10).head
        Linear(in_features=10, out_features=1, bias=True)
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        pixels = 1 if image_size is None else math.prod(height_and_width(image_size))
        self.add_module("flatten", nn.Flatten())
        self.add_module("head", nn.Linear(in_channels * pixels, num_classes, bias=bias))

    def forward(self, inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        for layer in self:
            inputs = layer(inputs)
        return inputs
