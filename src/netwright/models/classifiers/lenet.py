"""LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright.models.image_size import at_least
from netwright.models.layers.activation import activation as make_activation

__all__ = ["LeNet"]

_SMALLEST = 16  # two 5x5 convolutions, each halved, must leave one pixel: ((16 - 4) / 2 - 4) / 2


class LeNet(nn.Module):
    """Two convolutions and three linear layers: the small classic, for pictures from 16 pixels.

    Paper: Gradient-Based Learning Applied to Document Recognition, 1998,
        https://doi.org/10.1109/5.726791
    Differs: the modern reading. ReLU for the scaled tanh; max pooling for averaging with a trained
        scale and bias; each map of the second convolution sees all six below it, where the paper's
        table leaves some out; a linear output for the radial basis functions; C5 is a linear layer
        over whatever is left of the picture, the same thing at the paper's 32x32. There it has
        61,706 parameters with one channel and ten classes.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), of the pictures, at least 16; None means 32.
        activation: sigmoid, tanh, relu, leaky-relu, elu, gelu, silu or softmax.

    Example:
        >>> sum(parameter.numel() for parameter in LeNet(10, in_channels=1).parameters())
        61706
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        sides = at_least(_SMALLEST, 32 if image_size is None else image_size, model="lenet")
        height, width = (((side - 4) // 2 - 4) // 2 for side in sides)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5),
            make_activation(activation),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            make_activation(activation),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * height * width, 120),
            make_activation(activation),
            nn.Linear(120, 84),
            make_activation(activation),
            nn.Linear(84, num_classes),
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        return self.classifier(self.features(inputs))  # type: ignore[no-any-return]
