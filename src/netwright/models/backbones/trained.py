"""What is known of the weights that a library keeps for a network, before they are fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netwright._errors import must_be
from netwright._optional import optional
from netwright.models.catalogue import describe

__all__ = ["LibraryWeights", "library_weights"]


@dataclass(frozen=True, kw_only=True)
class LibraryWeights:
    """Weights of torchvision or timm.

    Attributes:
        origin: the library and its name for them.
        mean: subtracted from inputs from 0 to 1, by colour.
        deviation: divided by afterwards.
        size: (height, width) they are judged at.
        num_classes: of their head.
        changes: attributes of modules that the network has with these weights and three channels.
    """

    origin: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    size: tuple[int, int]
    num_classes: int
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def library_weights(name: str) -> LibraryWeights:
    """The default weights of torchvision's or timm's `name`.

    Raises:
        BadValue: no library keeps the network, or it has no weights for it.
        MissingExtra: timm is not installed.
    """
    entry = describe(name)
    kept: Mapping[str, Callable[[str], LibraryWeights | None]] = {
        "torchvision": _of_torchvision,
        "timm": _of_timm,
    }
    library = str(entry.facts.get("library"))
    found = kept[library](entry.facts["name"]) if library in kept else None
    if found is None:
        fix = "Give model.pretrained=path/to/weights.safetensors, or model.pretrained=false."
        raise must_be("pretrained", f"False or a path for {name}", True, fix)
    return found


def _of_torchvision(name: str) -> LibraryWeights | None:
    from torchvision import models

    known = models.get_model_weights(name)
    if not list(known):
        return None
    weights = known["DEFAULT"]
    taken = weights.transforms()
    # trained on another scale of colours: the network converts by itself
    converts = name in ("googlenet", "inception_v3")
    return LibraryWeights(
        origin=f"torchvision, {weights}",
        mean=tuple(taken.mean),
        deviation=tuple(taken.std),
        size=(taken.crop_size[0],) * 2,
        num_classes=len(weights.meta["categories"]),
        changes={"": {"transform_input": True}} if converts else {},
    )


def _of_timm(name: str) -> LibraryWeights | None:
    known = optional("timm", extra="timm").get_pretrained_cfg(name)
    if known is None or not known.has_weights:
        return None
    return LibraryWeights(
        origin=f"timm, {known.architecture}.{known.tag}" if known.tag else f"timm, {name}",
        mean=tuple(known.mean),
        deviation=tuple(known.std),
        size=tuple(known.input_size[1:]),
        num_classes=known.num_classes,
    )
