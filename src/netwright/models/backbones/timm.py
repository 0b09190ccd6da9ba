"""timm's classifiers, for any number of channels and classes; timm is loaded when one is used."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Entry
from netwright._catalogue import holds as holds_word
from netwright._errors import NetwrightError, must_be, offenders, unknown
from netwright._optional import optional
from netwright.models.backbones.timm_names import ENTRIES
from netwright.models.image_size import ImageSize, at_least, height_and_width
from netwright.models.options import check_options
from netwright.models.weights import NoWeights

if TYPE_CHECKING:
    from torch import nn

__all__ = ["build", "entry", "holds", "is_installed", "names", "search"]

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", flags=re.MULTILINE)
_KNOWN = {entry.facts["name"]: entry for entry in ENTRIES}
# Older versions of timm unpickle what these name, which runs it.
_OF_FILES = {"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"}


def is_installed() -> bool:
    """Whether timm can be imported, without importing it."""
    return importlib.util.find_spec("timm") is not None


@cache
def names() -> tuple[str, ...]:
    """Timm's names, without prefix, read from its source: importing it takes seconds.

    Raises:
        MissingExtra: timm is not installed.
    """
    found = importlib.util.find_spec("timm")
    if found is None or found.origin is None:
        optional("timm", extra="timm")  # raises, and says how to install it
        return ()
    files = (Path(found.origin).parent / "models").glob("*.py")
    texts = (file.read_text(encoding="utf8") for file in files)
    return tuple(sorted(name for text in texts for name in _REGISTERED.findall(text)))


def search(word: str, *, most: int) -> list[Entry]:
    """At most `most` entries whose name holds `word`, without loading timm."""
    found = (name for name in names() if holds_word(name, word))
    return [
        _KNOWN.get(name) or _entry(name, summary="timm's classifier")
        for name in islice(found, most)
    ]


def holds(name: str) -> bool:
    """Whether timm knows `name`, with or without the tag of its weights (`resnet18.a1_in1k`)."""
    return bool(optional("timm", extra="timm").is_model(name))


def entry(name: str) -> Entry:
    """What stands behind timm's `name`.

    Those of `timm_names` are known without timm.

    Raises:
        BadValue: nothing of that name; the nearest names are listed.
        MissingExtra: timm is not installed.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    library = optional("timm", extra="timm")
    architecture, _, tag = name.partition(".")
    if not holds(architecture):
        raise unknown("model", f"timm:{name}", [f"timm:{known}" for known in names()])
    tagged = library.list_pretrained(f"{architecture}.*") if tag else [name]
    if name not in tagged:
        raise unknown("model", f"timm:{name}", [f"timm:{known}" for known in tagged])
    if architecture in _KNOWN:
        known = _KNOWN[architecture]
        return replace(known, name=f"timm:{name}", facts={**known.facts, "name": name})
    made_by = optional("timm.models", extra="timm").model_entrypoint(architecture)
    network = getattr(inspect.signature(made_by).return_annotation, "__name__", architecture)
    return _entry(name, summary=f"timm's {network}")


def _entry(name: str, *, summary: str) -> Entry:
    return Entry(
        name=f"timm:{name}",
        target="netwright.models.backbones.timm:build",
        summary=summary,
        facts=MappingProxyType({"library": "timm", "name": name}),
    )


def build(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 3,
    image_size: ImageSize | None = None,
    pretrained: bool = False,
    options: Mapping[str, Any],
) -> nn.Module:
    """Build one of timm's classifiers.

    timm itself fits the first convolution to the channels: one channel takes the sum of trained
    weights over red, green and blue, more take them in turn, scaled.

    Args:
        name: timm's own, without prefix; may carry the tag of its weights.
        num_classes: scores an input.
        in_channels: of the pictures.
        image_size: side, or (height, width); a network of fixed size is built for it, any other
            is tried on it. None takes the network's own.
        pretrained: whether to start from timm's weights of that name.
        options: more arguments of the network, such as `drop_rate`.

    Raises:
        BadValue: a size the network can't bear, or an option it doesn't know.
        MissingExtra: timm is not installed.
        NoWeights: the weights could not be fetched.
    """
    library = optional("timm", extra="timm")
    if "features_only" in options:  # its networks give lists of maps, not scores
        check_options(f"timm:{name}", ["features_only"], known=())
    files = sorted(_OF_FILES & options.keys())
    if files:
        raise must_be(
            "model.options",
            f"options of timm:{name} that name no weights of their own",
            offenders(files),
            "Weights from a file: pretrained=path/to/weights.safetensors.",
        )
    known = _KNOWN.get(name.partition(".")[0])
    if image_size is not None and known is not None:
        at_least(known.facts["smallest"], image_size, model=f"timm:{name}")
    own = library.get_pretrained_cfg(name)
    sized: dict[str, Any] = {}
    if image_size is not None and own is not None and own.fixed_input_size:
        sized = {"img_size": height_and_width(image_size)}
    arguments = {"num_classes": num_classes, "in_chans": in_channels, **sized, **options}
    try:
        network: nn.Module = library.create_model(name, pretrained=pretrained, **arguments)
    except NetwrightError:
        raise
    except Exception as error:
        raise _refusal(name, image_size, options, pretrained, error) from error
    if image_size is not None:
        _try(network, name, (in_channels, *height_and_width(image_size)))
    return network


def _refusal(
    name: str,
    image_size: ImageSize | None,
    options: Mapping[str, Any],
    pretrained: bool,
    error: Exception,
) -> NetwrightError:
    """The sentence for what timm would not build."""
    stranger = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if stranger and stranger[1] in options:
        return must_be(
            "model.options",
            f"options of timm:{name}",
            stranger[1],
            f"timm says: {error}. Common ones: drop_rate, drop_path_rate, global_pool.",
        )
    if pretrained and isinstance(error, OSError | RuntimeError):
        return NoWeights(
            f"The weights of timm:{name} could not be fetched: {str(error).rstrip('.')}. "
            "Check the connection, or give model.pretrained=path/to/weights.safetensors."
        )
    asked = {"image_size": image_size, **options}
    return must_be("model.options", f"what timm:{name} takes", asked, f"timm says: {error}.")


def _try(network: nn.Module, name: str, shape: tuple[int, ...]) -> None:
    """Send one picture through, first without any arithmetic, which not every network allows."""
    import torch

    was_training = network.training
    network.eval()
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shadow = {key: value.to("meta") for key, value in state.items()}
    try:
        with torch.inference_mode():
            torch.func.functional_call(network, shadow, torch.zeros(1, *shape, device="meta"))
    except Exception:
        _really_try(network, name, shape)
    finally:
        network.train(was_training)


def _really_try(network: nn.Module, name: str, shape: tuple[int, ...]) -> None:
    import torch

    try:
        with torch.inference_mode():
            network(torch.zeros(1, *shape))
    except Exception as error:
        raise must_be(
            "image_size", f"a size that timm:{name} can bear", shape[1:], f"timm says: {error}."
        ) from error
