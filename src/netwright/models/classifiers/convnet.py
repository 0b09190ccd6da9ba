"""A small convolutional network, made of what the reader chooses."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import at_least
from netwright.models.layers.activation import activation as make_activation
from netwright.models.layers.blocks import Place
from netwright.models.layers.blocks import block as make_block
from netwright.models.layers.convolution_unit import ConvolutionUnit
from netwright.models.layers.norm import norm as make_norm
from netwright.models.layers.pooling import pooling

__all__ = ["ConvNet"]


class ConvNet(nn.Module):
    """A 3x3 stem, a block for each width with pooling between them, the mean, a linear layer.

    When to use it: to see what a block, a pooling or a normalisation does where all else is equal.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width); None means 32.
        block: attention, attention-absolute, attention-relative, bottleneck, dense,
            hourglass-bilinear, hourglass-nearest, hourglass-transposed, hourglass-unpooling,
            inception, plain, residual, separable or squeeze-excite.
        pool: max, mean or median, over 2x2 pixels between the blocks.
        norm: batch, layer, local-response or none.
        activation: sigmoid, tanh, relu, leaky-relu, elu, gelu or silu.
        padding: of the stem: same, full or valid.
        widths: channels of each block; inception needs multiples of 8, attention of 4.
        dropout: share of the features dropped before the last layer in training, in [0, 1).

    Example:
        >>> import torch
        >>> network = ConvNet(10, in_channels=1, image_size=8, block="inception", pool="mean")
        >>> network(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        block: str = "plain",
        pool: str = "max",
        norm: str = "batch",
        activation: str = "relu",
        padding: str = "same",
        widths: Sequence[int] = (16, 32, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not widths or any(width < 1 for width in widths):
            raise must_be("widths", "one number of at least 1 for each block", widths)
        if not 0 <= dropout < 1:
            raise must_be("dropout", "in [0, 1)", dropout)
        normalise = make_norm(norm)
        self.stem = ConvolutionUnit(
            in_channels,
            widths[0],
            padding=padding,
            norm=normalise,
            activation=lambda: make_activation(activation),
        )
        more = _MORE.get(padding, 0)
        smallest = max(2 ** len(widths) - more, 1)  # the last block has two pixels a side
        sides = at_least(smallest, 32 if image_size is None else image_size, model="convnet")
        height, width = (side + more for side in sides)
        body: list[nn.Module] = []
        for place, (before, after) in enumerate(zip((widths[0], *widths), widths, strict=False)):
            if place:
                body.append(pooling(pool))
                height, width = height // 2, width // 2
            where = Place(
                channels_in=before,
                channels=after,
                grid=(height, width),
                norm=normalise,
                activation=lambda: make_activation(activation),
            )
            body.append(make_block(block, where))
        self.body = nn.Sequential(*body)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        features = self.pool(self.body(self.stem(inputs))).flatten(1)
        return self.head(self.dropout(features))  # type: ignore[no-any-return]


_MORE = {"valid": -2, "same": 0, "full": 2}  # pixels a side that a 3x3 stem leaves over
