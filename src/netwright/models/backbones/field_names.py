"""What the field calls the architectures that torchvision and timm keep."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FIELD_NAMES"]

FIELD_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "vgg": "torchvision:vgg16",
        "resnet": "torchvision:resnet50",
        "wide-resnet": "torchvision:wide_resnet50_2",
        "wide-resnet50": "torchvision:wide_resnet50_2",
        "wide-resnet101": "torchvision:wide_resnet101_2",
        "resnext": "torchvision:resnext50_32x4d",
        "resnext50": "torchvision:resnext50_32x4d",
        "resnext101": "torchvision:resnext101_32x8d",
        "densenet": "torchvision:densenet121",
        "se-net": "timm:seresnet50",
        "se-resnet18": "timm:seresnet18",
        "se-resnet34": "timm:seresnet34",
        "se-resnet50": "timm:seresnet50",
        "se-resnet101": "timm:seresnet101",
        "se-resnet152": "timm:seresnet152",
        "se-resnext50": "timm:seresnext50_32x4d",
        "se-resnext101": "timm:seresnext101_32x4d",
        "senet-154": "timm:senet154",
        "xception": "timm:legacy_xception",
        "mobilenet-v1": "timm:mobilenetv1_100",
        "mobilenet-v2": "torchvision:mobilenet_v2",
        "shufflenet-v2": "torchvision:shufflenet_v2_x1_0",
        "squeezenet": "torchvision:squeezenet1_0",
        "inception-resnet-v2": "timm:inception_resnet_v2",
    }
)
"""Short name → full name. A family's name stands for the member that its paper is known for."""
