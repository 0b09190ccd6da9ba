"""Inception-ResNet, the first version."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.image_size import at_least
from netwright.models.layers.convolution_unit import ConvolutionUnit

__all__ = ["InceptionResNetV1", "ResidualInception"]

_SMALLEST = 75  # three pixels a side before the last reduction
_Branch = Sequence[tuple[int, int | tuple[int, int]]]  # channels and kernel of each convolution
_A: Sequence[_Branch] = (
    [(32, 1)],
    [(32, 1), (32, 3)],
    [(32, 1), (32, 3), (32, 3)],
)
_B: Sequence[_Branch] = ([(128, 1)], [(128, 1), (128, (1, 7)), (128, (7, 1))])
_C: Sequence[_Branch] = ([(192, 1)], [(192, 1), (192, (1, 3)), (192, (3, 1))])
_REDUCTION_A: Sequence[_Branch] = ([(384, 3)], [(192, 1), (192, 3), (256, 3)])
_REDUCTION_B: Sequence[_Branch] = (
    [(256, 1), (384, 3)],
    [(256, 1), (256, 3)],
    [(256, 1), (256, 3), (256, 3)],
)
_CHANNELS = (256, 896, 1792)


class ResidualInception(nn.Module):
    """Windows of several sizes side by side, brought to the channels that came in and added.

    What is added is scaled down first: with more than a thousand filters the sum is unstable else.

    Paper: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016,
        https://arxiv.org/abs/1602.07261

    Args:
        channels: of what comes in and of the output.
        branches: channels and kernel of each convolution of each branch.
        scale: of what is added.
    """

    def __init__(self, channels: int, branches: Sequence[_Branch], *, scale: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_branch(channels, branch) for branch in branches)
        # no activation behind it; and no batch norm: the paper has none on top of the sums
        self.expand = nn.Conv2d(sum(branch[-1][0] for branch in branches), channels, 1)
        self.scale = scale
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """What came in and the scaled branches, rectified."""
        found = torch.cat([branch(inputs) for branch in self.branches], dim=1)
        return self.relu(torch.add(inputs, self.expand(found), alpha=self.scale))  # type: ignore[no-any-return]


class _Reduction(nn.Module):
    """Half the pixels: the maximum and convolutions with a last stride of 2, side by side."""

    def __init__(self, channels_in: int, branches: Sequence[_Branch]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_branch(channels_in, each, halves=True) for each in branches)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        found = [branch(inputs) for branch in self.branches]
        return torch.cat([*found, self.pool(inputs)], dim=1)


class InceptionResNetV1(nn.Module):
    """Inception blocks with residual connections, of about the cost of Inception-v3.

    At the paper's setting (299x299 pixels, 1000 classes) it has 22,756,328 parameters and
    6,206,361,696 multiply-adds.

    Paper: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016,
        https://arxiv.org/abs/1602.07261
    Differs: the paper scales by "between 0.1 and 0.3"; the defaults are those of its authors' later
        code. Weights start by torch's default. The network that is trained on faces under the same
        name has one more block, without scale and rectifier, and 512 features before its classes.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), of the pictures, at least 75; None means 299. It is
            only looked at: the network takes any size from there.
        blocks: how many blocks of the kinds A, B and C.
        scales: of what a block of the kinds A, B and C adds.
        dropout: share of the features dropped before the last layer in training, in [0, 1).

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     network = InceptionResNetV1(1000)
        >>> sum(parameter.numel() for parameter in network.parameters())
        22756328
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        blocks: Sequence[int] = (5, 10, 5),
        scales: Sequence[float] = (0.17, 0.1, 0.2),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        _check(blocks=blocks, scales=scales, dropout=dropout)
        at_least(_SMALLEST, 299 if image_size is None else image_size, model="inception-resnet-v1")
        self.stem = _stem(in_channels)
        first, second, third = (
            nn.Sequential(*(ResidualInception(c, kind, scale=scale) for _ in range(count)))
            for c, kind, scale, count in zip(_CHANNELS, (_A, _B, _C), scales, blocks, strict=True)
        )
        self.blocks_a = first
        self.reduction_a = _Reduction(_CHANNELS[0], _REDUCTION_A)
        self.blocks_b = second
        self.reduction_b = _Reduction(_CHANNELS[1], _REDUCTION_B)
        self.blocks_c = third
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(_CHANNELS[2], num_classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3  # of its authors' code, and of the weights that others keep

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        maps = self.reduction_a(self.blocks_a(self.stem(inputs)))
        maps = self.blocks_c(self.reduction_b(self.blocks_b(maps)))
        return self.head(self.dropout(self.pool(maps).flatten(1)))  # type: ignore[no-any-return]


def _check(*, blocks: Sequence[int], scales: Sequence[float], dropout: float) -> None:
    if len(blocks) != 3 or any(count < 1 for count in blocks):
        raise must_be("blocks", "three numbers of at least 1, of the kinds A, B and C", blocks)
    if len(scales) != 3 or any(not 0 < scale <= 1 for scale in scales):
        raise must_be("scales", "three numbers in (0, 1], of the kinds A, B and C", scales)
    if not 0 <= dropout < 1:
        raise must_be("dropout", "in [0, 1)", dropout)


_unit = partial(ConvolutionUnit, activation=partial(nn.ReLU, inplace=True))


def _stem(in_channels: int) -> nn.Sequential:
    return nn.Sequential(
        _unit(in_channels, 32, stride=2, padding="valid"),
        _unit(32, 32, padding="valid"),
        _unit(32, 64),
        nn.MaxPool2d(3, stride=2),
        _unit(64, 80, kernel_size=1),
        _unit(80, 192, padding="valid"),
        _unit(192, 256, stride=2, padding="valid"),
    )


def _branch(channels_in: int, branch: _Branch, *, halves: bool = False) -> nn.Sequential:
    """Convolutions one after another; the last takes every second pixel where it halves."""
    units = []
    for place, (channels, kernel) in enumerate(branch, start=1):
        last = halves and place == len(branch)
        stride, padding = (2, "valid") if last else (1, "same")
        units.append(
            _unit(channels_in, channels, kernel_size=kernel, stride=stride, padding=padding)
        )
        channels_in = channels
    return nn.Sequential(*units)
