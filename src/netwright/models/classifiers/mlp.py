"""The multi-layer perceptron."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be, unknown
from netwright.models.image_size import height_and_width
from netwright.models.layers.activation import activation as make_activation

__all__ = ["MLP"]

_NORMS: MappingProxyType[str, Callable[[int], nn.Module] | None] = MappingProxyType(
    {"none": None, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
)


class MLP(nn.Sequential):
    """Linear layers with a non-linearity between them: for tables, and the baseline for pictures.

    Each hidden layer is linear, norm, activation, dropout; the last layer is linear alone. Weights
    start from torch's own default; `initialise` of a recipe gives them another law.

    Paper: Learning representations by back-propagating errors, 1986,
        https://doi.org/10.1038/323533a0
    Differs: rectifiers by default; the paper's logistic units are `activation="sigmoid"`.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: columns of a row; channels where the input is a picture.
        image_size: side, or (height, width), of a picture, which is flattened; None for rows.
        hidden: width of each hidden layer; none at all is a linear classifier.
        activation: sigmoid, tanh, relu, leaky-relu, elu, gelu, silu or softmax.
        dropout: share of each hidden layer's units dropped in training, in [0, 1).
        norm: none, batch or layer.

    Example:
        >>> MLP(3, in_channels=4, hidden=(8,))
        MLP(
          (flatten): Flatten(start_dim=1, end_dim=-1)
          (linear1): Linear(in_features=4, out_features=8, bias=True)
          (activation1): ReLU()
          (head): Linear(in_features=8, out_features=3, bias=True)
        )
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        hidden: Sequence[int] = (128, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "none",
    ) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise must_be("hidden", "widths of at least 1", hidden)
        if not 0 <= dropout < 1:
            raise must_be("dropout", "in [0, 1)", dropout)
        if norm not in _NORMS:
            raise unknown("norm", norm, _NORMS)
        make_norm = _NORMS[norm]
        pixels = 1 if image_size is None else math.prod(height_and_width(image_size))
        features = in_channels * pixels
        self.add_module("flatten", nn.Flatten())
        for place, width in enumerate(hidden, start=1):
            self.add_module(f"linear{place}", nn.Linear(features, width))
            if make_norm is not None:
                self.add_module(f"norm{place}", make_norm(width))
            self.add_module(f"activation{place}", make_activation(activation))
            if dropout > 0:
                self.add_module(f"dropout{place}", nn.Dropout(dropout))
            features = width
        self.add_module("head", nn.Linear(features, num_classes))

    def forward(self, inputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        for layer in self:
            inputs = layer(inputs)
        return inputs
