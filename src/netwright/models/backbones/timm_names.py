"""The field's classifiers that timm keeps and torchvision doesn't: known without importing it."""

from __future__ import annotations

from netwright.models.backbones.family import Family, any_size, entries_of

__all__ = ["ENTRIES"]

_SQUEEZE = "Squeeze-and-Excitation Networks, 2017, https://arxiv.org/abs/1709.01507"

_FAMILIES = (
    Family(
        "Xception, separable convolutions throughout",
        "Xception: Deep Learning with Depthwise Separable Convolutions, 2016, "
        "https://arxiv.org/abs/1610.02357",
        any_size(7, legacy_xception=22855952),
        "no dropout before the last layer unless drop_rate=0.5 is given",
    ),
    Family(
        "MobileNet v1, depth-wise separable convolutions for phones",
        "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017, "
        "https://arxiv.org/abs/1704.04861",
        any_size(1, mobilenetv1_100=4231976, mobilenetv1_125=6270840),
        "ReLU6 for ReLU, as in the authors' code; of the paper's widths only 1, and 1.25 beside it",
    ),
    Family(
        "SE-Net: ResNet with squeeze-and-excitation, basic blocks",
        _SQUEEZE,
        any_size(1, seresnet18=11779624, seresnet34=21960416),
        "the squeezed channels, a sixteenth, are rounded to multiples of 8",
    ),
    Family(
        "SE-Net: ResNet with squeeze-and-excitation, bottleneck blocks",
        _SQUEEZE,
        any_size(1, seresnet50=28088024, seresnet101=49326872, seresnet152=66821848),
        "the stride of a bottleneck is in its 3x3 convolution, not in the 1x1 before it",
    ),
    Family(
        "SE-Net: ResNeXt with squeeze-and-excitation",
        _SQUEEZE,
        any_size(1, seresnext50_32x4d=27559896, seresnext101_32x4d=48955416),
    ),
    Family(
        "SE-Net: SENet-154, the one of the competition",
        _SQUEEZE,
        any_size(1, senet154=115088984),
        "no dropout before the last layer unless drop_rate=0.2 is given",
    ),
    Family(
        "Inception-ResNet v2, inception blocks as residual branches",
        "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016, "
        "https://arxiv.org/abs/1602.07261",
        any_size(75, inception_resnet_v2=55843464),
        "the authors' code, not the paper's figures: a plain stem, 10, 20 and 10 residual blocks "
        "for 5, 10 and 5, branches scaled by 0.17, 0.1 and 0.2",
    ),
)

ENTRIES = entries_of("timm", _FAMILIES)
