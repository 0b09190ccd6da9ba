"""AlexNet as it was published."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import at_least
from netwright.models.layers.local_response_norm import local_response_norm

__all__ = ["AlexNet"]

_SMALLEST = 63  # the last pooling needs three pixels a side, seven lie before the second
_PAPERS_SIZE = 224


class AlexNet(nn.Module):
    """Five convolutions and three linear layers, with local response norm and overlapping pooling.

    The second, fourth and fifth convolution are in two groups, as the paper's two processors each
    saw half of the maps. With 224x224 pixels and 1000 classes it has the 60,965,224 parameters that
    the paper calls 60 million, and 724,406,816 multiply-adds.

    Paper: ImageNet Classification with Deep Convolutional Neural Networks, 2012,
        https://doi.org/10.1145/3065386
    Differs: two pixels of padding before the first convolution, without which 224 pixels do not
        give the 55x55 positions of the paper's figure (its count of that layer's neurons, 253,440,
        would be 48x55 of them; 96x55x55 is 290,400). The norm looks across both groups, as the
        formula's N, "the total number of kernels in the layer", says. The first linear layer is as
        wide as what is left of the picture: 9,216 at the paper's size, 256 at the smallest. Weights
        start by torch's default, not by a normal law of deviation 0.01 with some biases at 1.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), of the pictures, at least 63; None means 224.
        dropout: share of the units of the first two linear layers dropped in training, in [0, 1).

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     network = AlexNet(1000)
        >>> sum(parameter.numel() for parameter in network.parameters())
        60965224
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise must_be("dropout", "in [0, 1)", dropout)
        size = _PAPERS_SIZE if image_size is None else image_size
        height, width = (_left(side) for side in at_least(_SMALLEST, size, model="alexnet"))
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 96, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            local_response_norm(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            local_response_norm(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(256 * height * width, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        return self.classifier(self.features(inputs))  # type: ignore[no-any-return]


def _left(side: int) -> int:
    """Pixels a side behind the last pooling."""
    side = (side + 4 - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side
