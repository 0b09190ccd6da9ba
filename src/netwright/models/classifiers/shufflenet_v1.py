"""ShuffleNet, the first version."""

from __future__ import annotations

import math
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["ShuffleNetV1", "ShuffleUnit"]

_WIDTHS = MappingProxyType({1: 144, 2: 200, 3: 240, 4: 272, 8: 384})  # of the second stage, table 1
_UNITS = (4, 8, 4)


class ShuffleUnit(nn.Module):
    """1x1 convolutions in groups with a shuffle of the channels between, and a shortcut.

    With a stride of 1 the branch is added to what came in. With 2 the mean of what came in over 3x3
    pixels is set behind it, so that it need only make the channels that are new.

    Paper: ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, 2017,
        https://arxiv.org/abs/1707.01083

    Args:
        channels_in: of what comes in; `channels` with a stride of 1, fewer with 2.
        channels: of the output, a multiple of 4 times `groups`.
        groups: of the 1x1 convolutions.
        first_groups: of the first of them; None for the same.
        stride: 1 or 2.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        groups: int,
        first_groups: int | None = None,
        stride: int = 1,
    ) -> None:
        super().__init__()
        few = channels // 4
        made = channels if stride == 1 else channels - channels_in
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels_in, few, 1, groups=first_groups or groups, bias=False),
            nn.BatchNorm2d(few),
            nn.ReLU(inplace=True),
        )
        self.shuffle = nn.ChannelShuffle(groups) if groups > 1 else nn.Identity()
        self.depthwise = nn.Sequential(
            nn.Conv2d(few, few, 3, stride=stride, padding=1, groups=few, bias=False),
            nn.BatchNorm2d(few),
        )
        self.expand = nn.Sequential(
            nn.Conv2d(few, made, 1, groups=groups, bias=False), nn.BatchNorm2d(made)
        )
        self.shortcut = None if stride == 1 else nn.AvgPool2d(3, stride=stride, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Shortcut and branch, rectified."""
        branch = self.expand(self.depthwise(self.shuffle(self.squeeze(inputs))))
        if self.shortcut is None:
            return self.relu(inputs + branch)  # type: ignore[no-any-return]
        return self.relu(torch.cat((branch, self.shortcut(inputs)), dim=1))  # type: ignore[no-any-return]


class ShuffleNetV1(nn.Module):
    """A network for 10 to 150 million multiply-adds: most of its weights are 1x1, in groups.

    At the paper's setting (groups=3, 224x224 pixels, 1000 classes) it has 1,865,728 parameters and
    137,460,672 multiply-adds. Pictures of any size will do.

    Paper: ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, 2017,
        https://arxiv.org/abs/1707.01083
    Differs: not at scale 1: its convolutions alone have the 143, 140, 137, 133 and 137 million
        multiply-adds of table 1 for 1, 2, 3, 4 and 8 groups; these leave out the linear layer,
        which the 292 and 524 million of 1.5 and 2 times the width hold. The paper does not say how
        the first convolution scales: it has 12 channels below scale 1, 24 below 2 and 48 from
        there, which gives the stated 13, 38, 292 and 524 million. A width that the groups do not
        divide becomes the nearest that they do. Weights start by torch's default.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        groups: of the 1x1 convolutions: 1, 2, 3, 4 or 8; more groups, more channels at equal cost.
        scale: of the number of channels; the paper's are 0.25, 0.5, 1, 1.5 and 2.

    Example:
        >>> sum(parameter.numel() for parameter in ShuffleNetV1(1000).parameters())
        1865728
    """

    def __init__(
        self, num_classes: int, *, in_channels: int = 3, groups: int = 3, scale: float = 1.0
    ) -> None:
        super().__init__()
        if groups not in _WIDTHS:
            raise must_be("groups", "1, 2, 3, 4 or 8", groups)
        if not 0.1 <= scale <= 16:
            raise must_be("scale", "from 0.1 to 16", scale, "1 is the paper's network.")
        stem = math.ceil(_stem_channels(scale) / groups) * groups
        step = 4 * groups  # a quarter of the channels must part into groups as well
        width = step * max(math.ceil(_WIDTHS[groups] * scale / step - 0.5), 1)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels_in, stages = stem, []
        for place, units in enumerate(_UNITS):
            channels = width * 2**place
            # few channels come into the first stage: parting them would not pay
            first = ShuffleUnit(
                channels_in, channels, groups=groups, first_groups=None if place else 1, stride=2
            )
            rest = [ShuffleUnit(channels, channels, groups=groups) for _ in range(units - 1)]
            stages.append(nn.Sequential(first, *rest))
            channels_in = channels
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels_in, num_classes)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class."""
        return self.head(self.pool(self.stages(self.stem(inputs))).flatten(1))  # type: ignore[no-any-return]


def _stem_channels(scale: float) -> int:
    return 12 if scale < 1 else 24 if scale < 2 else 48
