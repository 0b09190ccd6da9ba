"""Networks by name: ours, torchvision's, timm's, and the reader's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Catalogue, Entry, holds, is_file_target
from netwright._errors import BadType, must_be, unknown
from netwright.models.backbones.field_names import FIELD_NAMES
from netwright.models.backbones.torchvision_names import ENTRIES

if TYPE_CHECKING:
    from torch import nn

    from netwright.models.image_size import ImageSize

__all__ = ["CATALOGUE", "create", "describe", "names", "search"]

_OURS = (
    Entry(
        name="linear",
        target="netwright.models.classifiers.linear:Linear",
        summary="one linear layer: linear, ridge, lasso and logistic regression",
        paper="The regression analysis of binary sequences, 1958, "
        "https://doi.org/10.1111/j.2517-6161.1958.tb00292.x",
    ),
    Entry(
        name="perceptron",
        target="netwright.models.classifiers.perceptron:Perceptron",
        summary="Rosenblatt's perceptron: one layer that starts at zero, on what comes in or on "
        "fixed random units; its rule is the output unit binary-perceptron or classes-perceptron",
        paper="The perceptron: a probabilistic model for information storage and organization in "
        "the brain, 1958, https://doi.org/10.1037/h0042519",
    ),
    Entry(
        name="mlp",
        target="netwright.models.classifiers.mlp:MLP",
        summary="multi-layer perceptron, for tables",
        paper="Learning representations by back-propagating errors, 1986, "
        "https://doi.org/10.1038/323533a0",
    ),
    Entry(
        name="lenet",
        target="netwright.models.classifiers.lenet:LeNet",
        summary="LeNet-5 in the modern reading, for pictures from 16 pixels",
        paper="Gradient-Based Learning Applied to Document Recognition, 1998, "
        "https://doi.org/10.1109/5.726791",
    ),
    Entry(
        name="small-resnet",
        target="netwright.models.classifiers.small_resnet:SmallResNet",
        summary="small residual network (ResNet), for pictures of 8 to 64 pixels",
        paper="Deep Residual Learning for Image Recognition, 2015, "
        "https://arxiv.org/abs/1512.03385",
    ),
    Entry(
        name="alexnet",
        target="netwright.models.classifiers.alexnet:AlexNet",
        summary="AlexNet as published: local response norm, two groups, overlapping pooling",
        paper="ImageNet Classification with Deep Convolutional Neural Networks, 2012, "
        "https://doi.org/10.1145/3065386",
        facts={"smallest": 63, "parameters": 60965224},
    ),
    Entry(
        name="shufflenet-v1",
        target="netwright.models.classifiers.shufflenet_v1:ShuffleNetV1",
        summary="ShuffleNet, the first version: 1x1 convolutions in groups, shuffled channels",
        paper="ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, "
        "2017, https://arxiv.org/abs/1707.01083",
        facts={"smallest": 1, "parameters": 1865728},
    ),
    Entry(
        name="inception-resnet-v1",
        target="netwright.models.classifiers.inception_resnet_v1:InceptionResNetV1",
        summary="Inception-ResNet, the first version: inception blocks with residual connections",
        paper="Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
        "2016, https://arxiv.org/abs/1602.07261",
        facts={"smallest": 75, "parameters": 22756328},
    ),
    Entry(
        name="convnet",
        target="netwright.models.classifiers.convnet:ConvNet",
        summary="small convolutional network of the block, pooling and norm that you choose",
    ),
    Entry(
        name="capsnet",
        target="netwright.models.classifiers.capsnet:CapsNet",
        summary="capsules with routing by agreement; learns by the method capsules",
        paper="Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829",
        facts={"smallest": 17, "parameters": 6_804_224},
    ),
    Entry(
        name="googlenet",
        target="netwright.models.classifiers.googlenet:GoogLeNet",
        summary="GoogLeNet of the paper, with local response norm and its auxiliary classifiers",
        paper="Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842",
        facts={"smallest": 31, "multiple": 1, "parameters": 13378280},
    ),
    Entry(
        name="vit",
        target="netwright.models.classifiers.vit:ViT",
        summary="vision transformer (ViT) of any patch, width, depth and heads; ViT-B/16",
        paper="An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, 2020, "
        "https://arxiv.org/abs/2010.11929",
        facts={"smallest": 16, "multiple": 16, "parameters": 86567656},
    ),
    Entry(
        name="cell-network",
        target="netwright.models.classifiers.cell_network:CellNetwork",
        summary="stacked cells, each a small graph of operations that a search can choose",
        paper="NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search, "
        "2020, https://arxiv.org/abs/2001.00326",
        facts={"smallest": 1},
    ),
)

CATALOGUE = Catalogue("model", _OURS + ENTRIES)

_SETTINGS = ("num_classes", "in_channels", "image_size")


def create(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 3,
    image_size: ImageSize | None = None,
    pretrained: bool | str | Path = False,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network that gives raw scores (n, num_classes).

    Args:
        name: ours (`small-resnet`), the field's (`se-resnet50`), `torchvision:resnet18`,
            `timm:resnet18`, `my.py:Net`; a bare name (`resnet18`) is ours, else torchvision's,
            else timm's.
        num_classes: scores an input, at least 1.
        in_channels: channels of a picture, or columns of a row.
        image_size: side, or (height, width), of the pictures; None for rows, or where the network's
            own will do.
        pretrained: True for the weights of the library that keeps the network; a path for a file
            (.safetensors, .pt, .pth) that must fit it key by key.
        changes: path of a module → attribute → value, where the network differs from the library's
            (a stride that other weights want).
        **options: what else the network takes.

    Example:
        >>> create("mlp", num_classes=3, in_channels=4, hidden=[8]).head
        Linear(in_features=8, out_features=3, bias=True)

    Raises:
        BadValue: an unknown name, an unknown option, a size the network can't bear.
        BadData: a weights file that does not fit.
        MissingExtra: timm is not installed.
        NoWeights: the library's weights could not be fetched.
    """
    for setting, value in (("num_classes", num_classes), ("in_channels", in_channels)):
        if not isinstance(value, int) or value < 1:
            raise must_be(setting, "a whole number of at least 1", value)
    found = describe(name)
    settings = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    if "library" in found.facts:
        network: nn.Module = found.load()(
            found.facts["name"], **settings, pretrained=pretrained is True, options=options
        )
    else:
        if pretrained is True:
            fix = "Give pretrained=path/to/weights.safetensors."
            raise must_be("pretrained", f"False or a path for {name}", pretrained, fix)
        network = _own(found, settings, options)
    if changes:
        from netwright.models.changes import apply_changes

        apply_changes(network, changes)
    if not isinstance(pretrained, bool):
        from netwright.models.weights import load_weights

        load_weights(network, pretrained)
    return network


def describe(name: str) -> Entry:
    """What stands behind a name; its `name` is the full one, fit for a recipe.

    A bare name is ours first, then torchvision's, then timm's, whether timm is installed or not.
    What the field calls a network that one of them keeps stands for its name there.

    Example:
        >>> describe("resnet50").name, describe("wide-resnet").name
        ('torchvision:resnet50', 'torchvision:wide_resnet50_2')
        >>> describe("resnet50").facts["differs"]
        'the stride of a bottleneck (50 layers and more) is in its 3x3 convolution, not in the 1x1'

    Raises:
        BadValue: nothing of that name, with the nearest names.
        MissingExtra: a `timm:` name without timm.
    """
    from netwright.models.backbones import timm

    if is_file_target(name) or name in CATALOGUE:
        return CATALOGUE.entry(name)
    name = FIELD_NAMES.get(name, name)
    library, colon, rest = name.partition(":")
    if colon and library == "timm":
        return timm.entry(rest)
    if colon and name not in CATALOGUE:
        raise unknown("model", name, CATALOGUE.names(), hint="Your own: model=file.py:Name.")
    full = name if colon else f"torchvision:{name}"
    return CATALOGUE.entry(full) if full in CATALOGUE else _only_in_timm(name)


def names(pattern: str = "*") -> list[str]:
    """Names that match, `*` and `?` standing for any letters: ours, the field's, the libraries'.

    Example:
        >>> names("torchvision:resnet1*")
        ['torchvision:resnet18', 'torchvision:resnet101', 'torchvision:resnet152']
    """
    from netwright.models.backbones import timm

    ours = [entry.name for entry in _OURS]
    known = list(dict.fromkeys([*ours, *FIELD_NAMES, *CATALOGUE.names()]))
    if timm.is_installed() and not pattern.startswith("torchvision:"):
        known += [f"timm:{name}" for name in timm.names()]
    return [
        name
        for name in known
        if fnmatchcase(name, pattern) or fnmatchcase(name.partition(":")[2] or name, pattern)
    ]


def search(word: str, *, most_of_timm: int = 20) -> list[Entry]:
    """Entries whose name, summary or paper holds `word`: ours, the field's names, the libraries'.

    Case, hyphens, underscores and blanks make no difference. timm is asked for its names when it
    is installed and the word has at least three letters.

    Args:
        word: what to look for.
        most_of_timm: at most so many of timm's 1,300 names.
    """
    from netwright.models.backbones import timm

    known = CATALOGUE.search(word)
    field = [one for one in map(_of_the_field, FIELD_NAMES) if _holds(one, word)]
    ours = [one for one in known if "library" not in one.facts]
    found = [*ours, *field, *(one for one in known if one not in ours)]
    if len(word) >= 3 and timm.is_installed():
        found += timm.search(word, most=most_of_timm)
    return found


def _of_the_field(name: str) -> Entry:
    """What a name of the field stands for, under that name."""
    full = describe(FIELD_NAMES[name])
    return replace(full, name=name, facts={**full.facts, "full": full.name})


def _holds(entry: Entry, word: str) -> bool:
    return holds(f"{entry.name} {entry.summary} {entry.paper}", word)


def _own(found: Entry, settings: Mapping[str, Any], options: Mapping[str, Any]) -> nn.Module:
    """Build what takes its settings by name: ours, a third party's, the reader's own."""
    from torch import nn

    from netwright.models.options import check_options

    make = found.load()
    if not callable(make):
        raise must_be("model", "a class or function that gives a network", found.name)
    parameters = inspect.signature(make).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        known = [name for name in parameters if name not in _SETTINGS]
        check_options(found.name, options, known=known)
        settings = {name: value for name, value in settings.items() if name in parameters}
    network = make(**settings, **options)
    if not isinstance(network, nn.Module):
        raise must_be("model", "what gives a torch.nn.Module", found.name, error=BadType)
    return network


def _only_in_timm(name: str) -> Entry:
    from netwright.models.backbones import timm

    known = [entry.name.partition(":")[2] or entry.name for entry in CATALOGUE]
    known += FIELD_NAMES
    hint = "Your own: model=file.py:Name."
    if not timm.is_installed():
        more = "More models: pip install 'netwright[timm]'."
        raise unknown("model", name, known, hint=f"{more} {hint}")
    if timm.holds(name):
        return timm.entry(name)
    raise unknown("model", name, {*known, *timm.names()}, hint=hint)
