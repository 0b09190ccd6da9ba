"""Blocks of feature maps by name, each from so many channels to so many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from netwright._errors import unknown
from netwright.models.layers.attention_block import AttentionBlock
from netwright.models.layers.convolution_unit import ConvolutionUnit, MakeActivation
from netwright.models.layers.dense_block import DenseBlock
from netwright.models.layers.hourglass import Hourglass, SwitchedHourglass
from netwright.models.layers.inception import Inception
from netwright.models.layers.norm import MakeNorm
from netwright.models.layers.position import AbsolutePosition, NoPosition, RelativePosition
from netwright.models.layers.residual_block import BasicBlock, Bottleneck
from netwright.models.layers.separable_convolution import SeparableConvolution
from netwright.models.layers.squeeze_excite import SqueezeExcite
from netwright.models.layers.transposed_convolution import transposed_convolution
from netwright.models.layers.upsampling import Upsampling

__all__ = ["BLOCKS", "Place", "block"]

_HEADS = 4


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a block stands.

    Attributes:
        channels_in: of what comes in.
        channels: of the output.
        grid: (height, width) of the maps, which the block keeps.
        norm: makes the normalisation of so many channels.
        activation: makes the non-linearity.
    """

    channels_in: int
    channels: int
    grid: tuple[int, int]
    norm: MakeNorm
    activation: MakeActivation


def _plain(place: Place) -> nn.Module:
    return ConvolutionUnit(
        place.channels_in, place.channels, norm=place.norm, activation=place.activation
    )


def _separable(place: Place) -> nn.Module:
    return nn.Sequential(
        SeparableConvolution(place.channels_in, place.channels),
        place.norm(place.channels),
        place.activation(),
    )


def _residual(place: Place) -> nn.Module:
    return BasicBlock(
        place.channels_in, place.channels, norm=place.norm, activation=place.activation
    )


def _bottleneck(place: Place) -> nn.Module:
    return Bottleneck(
        place.channels_in, place.channels, norm=place.norm, activation=place.activation
    )


def _inception(place: Place) -> nn.Module:
    return Inception(
        place.channels_in, place.channels, norm=place.norm, activation=place.activation
    )


def _dense(place: Place) -> nn.Module:
    growth = max(place.channels // 4, 1)
    dense = DenseBlock(
        place.channels_in, growth=growth, depth=2, norm=place.norm, activation=place.activation
    )
    transition = ConvolutionUnit(
        dense.channels, place.channels, kernel_size=1, norm=place.norm, activation=place.activation
    )
    return nn.Sequential(dense, transition)


def _squeeze_excite(place: Place) -> nn.Module:
    return nn.Sequential(_plain(place), SqueezeExcite(place.channels, shrink=4))


def _nearest(place: Place) -> nn.Module:
    return _hourglass(place, Upsampling("nearest"))


def _bilinear(place: Place) -> nn.Module:
    return _hourglass(place, Upsampling("bilinear"))


def _transposed(place: Place) -> nn.Module:
    return _hourglass(place, transposed_convolution(place.channels_in, place.channels_in))


def _hourglass(place: Place, enlarge: nn.Module) -> nn.Module:
    return Hourglass(
        place.channels_in,
        place.channels,
        enlarge=enlarge,
        norm=place.norm,
        activation=place.activation,
    )


def _unpooling(place: Place) -> nn.Module:
    return SwitchedHourglass(
        place.channels_in, place.channels, norm=place.norm, activation=place.activation
    )


def _attention(place: Place) -> nn.Module:
    return AttentionBlock(place.channels_in, place.channels, position=NoPosition(), heads=_HEADS)


def _absolute(place: Place) -> nn.Module:
    position = AbsolutePosition(place.channels, grid=place.grid)
    return AttentionBlock(place.channels_in, place.channels, position=position, heads=_HEADS)


def _relative(place: Place) -> nn.Module:
    position = RelativePosition(place.grid, heads=_HEADS)
    return AttentionBlock(place.channels_in, place.channels, position=position, heads=_HEADS)


BLOCKS: MappingProxyType[str, Callable[[Place], nn.Module]] = MappingProxyType(
    {
        "attention": _attention,
        "attention-absolute": _absolute,
        "attention-relative": _relative,
        "bottleneck": _bottleneck,
        "dense": _dense,
        "hourglass-bilinear": _bilinear,
        "hourglass-nearest": _nearest,
        "hourglass-transposed": _transposed,
        "hourglass-unpooling": _unpooling,
        "inception": _inception,
        "plain": _plain,
        "residual": _residual,
        "separable": _separable,
        "squeeze-excite": _squeeze_excite,
    }
)


def block(name: str, place: Place) -> nn.Module:
    """A fresh block for a place.

    Raises:
        BadValue: nothing of that name, or it can't have so many channels.
    """
    if name not in BLOCKS:
        raise unknown("block", name, BLOCKS)
    return BLOCKS[name](place)
