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
from netwright.models.own_names import OURS

if TYPE_CHECKING:
    from torch import nn

    from netwright.models.image_size import ImageSize

__all__ = ["CATALOGUE", "create", "describe", "names", "search"]

CATALOGUE = Catalogue("model", OURS + ENTRIES)

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

    ours = [entry.name for entry in OURS]
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
