"""GoogLeNet, as its paper has it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from types import MappingProxyType

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be, unknown
from netwright.models.image_size import at_least
from netwright.models.layers.convolution_unit import ConvolutionUnit
from netwright.models.layers.inception import Branches, Inception
from netwright.models.layers.local_response_norm import local_response_norm
from netwright.models.layers.norm import norm

__all__ = ["GoogLeNet"]

_SIDE = 224  # of the paper's pictures
_SMALLEST = 31  # four times halved, two pixels must be left for the last maximum
_BRANCHES: MappingProxyType[str, Branches] = MappingProxyType(
    {
        "3a": Branches(one=64, few=96, three=128, fewer=16, five=32, most=32),
        "3b": Branches(one=128, few=128, three=192, fewer=32, five=96, most=64),
        "4a": Branches(one=192, few=96, three=208, fewer=16, five=48, most=64),
        "4b": Branches(one=160, few=112, three=224, fewer=24, five=64, most=64),
        "4c": Branches(one=128, few=128, three=256, fewer=24, five=64, most=64),
        "4d": Branches(one=112, few=144, three=288, fewer=32, five=64, most=64),
        "4e": Branches(one=256, few=160, three=320, fewer=32, five=128, most=128),
        "5a": Branches(one=256, few=160, three=320, fewer=32, five=128, most=128),
        "5b": Branches(one=384, few=192, three=384, fewer=48, five=128, most=128),
    }
)


class GoogLeNet(nn.Module):
    """Nine inception blocks in a row, and two more classifiers halfway up, for training.

    The answer is that of the main classifier alone, in training too. The auxiliary ones, after the
    blocks 4a and 4d, carry the gradient to the lower layers and are asked for by
    `auxiliary_scores`; the method `auxiliary-heads` sums the losses of all three. A run with
    another method leaves them as they are drawn: give it `auxiliaries: []`.

    With 1000 classes: 6,998,552 parameters and 1.58 billion multiply-adds for 224x224 pixels, and
    6,379,728 parameters in the two auxiliary classifiers.

    Paper: Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842
    Differs: not in the network, but its table 1 contradicts itself in the parameters of the first
        convolution (2,700, which is a 7x1 behind a 1x7; it draws a 7x7) and of the blocks 4c and
        5a; here is what its widths give. What it leaves open: the numbers of the local response
        norm (AlexNet's), the start (Kaiming's normal law), and other sizes than 224. The main
        classifier takes any; the auxiliary ones are made for `image_size`. Their pooling keeps its
        5x5 windows and stride 3 (4x4 places at 224 pixels), or takes what is left of the picture
        where that is less than 5 pixels.

    Args:
        num_classes: scores an input, at least 1.
        in_channels: of the pictures.
        image_size: side, or (height, width), of the pictures, at least 31; None means 224.
        auxiliaries: blocks after which another classifier stands: of 3a, 3b, 4a, ..., 4e, 5a, 5b.
        dropout: share of the features dropped before the last layer in training, in [0, 1).
        auxiliary_dropout: likewise, in the auxiliary classifiers.

    Example:
        >>> import torch
        >>> network = GoogLeNet(10, image_size=64)
        >>> [scores.shape[1] for scores in network.auxiliary_scores(torch.zeros(2, 3, 64, 64))]
        [10, 10, 10]
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        image_size: int | Sequence[int] | None = None,
        auxiliaries: Sequence[str] = ("4a", "4d"),
        dropout: float = 0.4,
        auxiliary_dropout: float = 0.7,
    ) -> None:
        super().__init__()
        _check(auxiliaries, dropout=dropout, auxiliary_dropout=auxiliary_dropout)
        self.size = at_least(
            _SMALLEST, _SIDE if image_size is None else image_size, model="googlenet"
        )
        self.stem = nn.Sequential(
            _unit(in_channels, 64, 7, stride=2),
            _pooling(),
            local_response_norm(),
            _unit(64, 64, 1),
            _unit(64, 192, 3),
            local_response_norm(),
            _pooling(),
        )
        self.blocks = nn.Sequential(_blocks(192))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(_BRANCHES["5b"].channels, num_classes)
        self.auxiliaries = nn.ModuleDict(
            {
                f"inception{name}": _Auxiliary(
                    _BRANCHES[name].channels,
                    num_classes,
                    maps=_maps(self.size, block=name),
                    dropout=auxiliary_dropout,
                )
                for name in sorted(set(auxiliaries))
            }
        )
        _begin(self)

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class, by the main classifier."""
        return self._answer(self.blocks(self.stem(inputs)))

    def auxiliary_scores(
        self, inputs: Float[Tensor, "n c h w"]
    ) -> tuple[Float[Tensor, "n k"], ...]:
        """Raw scores of the main classifier and of each auxiliary one, the lowest first.

        Raises:
            BadValue: pictures of another size than the auxiliary classifiers were made for.
        """
        if tuple(inputs.shape[-2:]) != self.size:
            rule = f"pictures of {self.size[0]}×{self.size[1]}, for which the auxiliaries were made"
            raise must_be("inputs", rule, tuple(inputs.shape))
        maps, found = self.stem(inputs), []
        for name, block in self.blocks.named_children():
            maps = block(maps)
            if name in self.auxiliaries:
                found.append(self.auxiliaries[name](maps))
        return self._answer(maps), *found

    def _answer(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        return self.head(self.dropout(self.pool(maps).flatten(1)))  # type: ignore[no-any-return]


class _Auxiliary(nn.Module):
    """Pooling, a 1x1 convolution, and two linear layers, on maps of a given size."""

    def __init__(
        self, channels_in: int, num_classes: int, *, maps: tuple[int, int], dropout: float
    ) -> None:
        super().__init__()
        height, width = (min(5, side) for side in maps)
        places = ((maps[0] - height) // 3 + 1) * ((maps[1] - width) // 3 + 1)
        self.pool = nn.AvgPool2d((height, width), stride=3)
        self.reduce = _unit(channels_in, 128, 1)
        self.hidden = nn.Linear(128 * places, 1024)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(1024, num_classes)

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        features = self.activation(self.hidden(self.reduce(self.pool(maps)).flatten(1)))
        return self.head(self.dropout(features))  # type: ignore[no-any-return]


def _unit(channels_in: int, channels: int, kernel_size: int, *, stride: int = 1) -> ConvolutionUnit:
    return ConvolutionUnit(
        channels_in, channels, kernel_size=kernel_size, stride=stride, norm=norm("none")
    )


def _pooling() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def _blocks(channels_in: int) -> OrderedDict[str, nn.Module]:
    """All of table 1 from block 3a to 5b, a maximum before the first block of each new number."""
    found: OrderedDict[str, nn.Module] = OrderedDict()
    for name, has in _BRANCHES.items():
        if name in {"4a", "5a"}:
            found[f"pool{name[0]}"] = _pooling()
        found[f"inception{name}"] = Inception(channels_in, has, norm=norm("none"))
        channels_in = has.channels
    return found


def _maps(size: tuple[int, int], *, block: str) -> tuple[int, int]:
    """Height and width of what a block gives: halved as often as its number says."""

    def side(pixels: int) -> int:
        pixels = (pixels + 1) // 2  # the first convolution
        for _ in range(int(block[0]) - 1):
            pixels = pixels // 2
        return pixels

    return side(size[0]), side(size[1])


def _begin(network: nn.Module) -> None:
    """Kaiming's law; layers that give scores have no rectifier behind them."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            gives_scores = path.endswith("head")
            nn.init.kaiming_normal_(
                module.weight, nonlinearity="linear" if gives_scores else "relu"
            )
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def _check(auxiliaries: Sequence[str], *, dropout: float, auxiliary_dropout: float) -> None:
    for name in auxiliaries:
        if name not in _BRANCHES:
            raise unknown("auxiliaries", name, _BRANCHES)
    for name, share in (("dropout", dropout), ("auxiliary_dropout", auxiliary_dropout)):
        if not 0 <= share < 1:
            raise must_be(name, "in [0, 1)", share)
