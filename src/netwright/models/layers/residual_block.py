"""What a branch adds to what came in."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.models.layers.convolution_unit import MakeActivation
from netwright.models.layers.norm import MakeNorm

__all__ = ["BasicBlock", "Bottleneck", "shortcut"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to what came in.

    The last scale of the branch starts at zero, so that a fresh block passes on what came in and
    a deep stack learns from the first step.

    Paper: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385;
        the zero scale: Accurate, Large Minibatch SGD, 2017, https://arxiv.org/abs/1706.02677

    Args:
        channels_in: of what comes in.
        channels: of the output.
        stride: of the first convolution.
        norm: makes the normalisation of so many channels; one without a scale starts as it is.
        activation: makes the non-linearity.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        stride: int = 1,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv1 = _conv(channels_in, channels, size=3, stride=stride, norm=norm)
        self.norm1 = norm(channels)
        self.relu1 = activation()
        self.conv2 = _conv(channels, channels, size=3, norm=norm)
        self.norm2 = norm(channels)
        self.shortcut = shortcut(channels_in, channels, stride=stride, norm=norm)
        self.relu2 = activation()
        _begin_at_zero(self.norm2)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Branch plus shortcut, rectified."""
        branch = self.relu1(self.norm1(self.conv1(inputs)))
        branch = self.norm2(self.conv2(branch))
        return self.relu2(branch + self.shortcut(inputs))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """A 1x1 convolution to few channels, a 3x3 among them, a 1x1 back; added to what came in.

    When to use it: many channels. Of 256 with a quarter in the middle it has 69,632 weights where
    two 3x3 convolutions have 1,179,648.

    Paper: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385
    Differs: the stride is the 3x3 convolution's, which looks at every pixel, not the first 1x1's,
        which would skip three of four; the last scale of the branch starts at zero.

    Args:
        channels_in: of what comes in.
        channels: of the output.
        shrink: the middle has channels / shrink, and one at least.
        stride: of the 3x3 convolution.
        norm: makes the normalisation of so many channels.
        activation: makes the non-linearity.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        shrink: int = 4,
        stride: int = 1,
        norm: MakeNorm = nn.BatchNorm2d,
        activation: MakeActivation = nn.ReLU,
    ) -> None:
        super().__init__()
        if shrink < 1:
            raise must_be("shrink", "at least 1", shrink)
        few = max(channels // shrink, 1)
        self.conv1 = _conv(channels_in, few, size=1, norm=norm)
        self.norm1 = norm(few)
        self.relu1 = activation()
        self.conv2 = _conv(few, few, size=3, stride=stride, norm=norm)
        self.norm2 = norm(few)
        self.relu2 = activation()
        self.conv3 = _conv(few, channels, size=1, norm=norm)
        self.norm3 = norm(channels)
        self.shortcut = shortcut(channels_in, channels, stride=stride, norm=norm)
        self.relu3 = activation()
        _begin_at_zero(self.norm3)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Branch plus shortcut, rectified."""
        branch = self.relu1(self.norm1(self.conv1(inputs)))
        branch = self.relu2(self.norm2(self.conv2(branch)))
        branch = self.norm3(self.conv3(branch))
        return self.relu3(branch + self.shortcut(inputs))  # type: ignore[no-any-return]


def shortcut(channels_in: int, channels: int, *, stride: int, norm: MakeNorm) -> nn.Module:
    """What came in, brought to the shape of the branch by a 1x1 convolution where it differs."""
    if stride == 1 and channels_in == channels:
        return nn.Identity()
    return nn.Sequential(
        _conv(channels_in, channels, size=1, stride=stride, norm=norm), norm(channels)
    )


def _conv(
    channels_in: int, channels: int, *, size: int, norm: MakeNorm, stride: int = 1
) -> nn.Conv2d:
    bias = norm is not nn.BatchNorm2d  # which moves the mean itself
    return nn.Conv2d(channels_in, channels, size, stride=stride, padding=size // 2, bias=bias)


def _begin_at_zero(norm: nn.Module) -> None:
    scale = getattr(norm, "weight", None)
    if scale is not None:
        nn.init.zeros_(scale)
