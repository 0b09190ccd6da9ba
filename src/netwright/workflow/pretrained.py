"""Networks that others trained on photographs, by their name in `netwright data`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from netwright._errors import must_be
from netwright.data.depot import Kind, entry, names
from netwright.data.depot import prepared as fetched
from netwright.data.depot.weights import WEIGHTS, WeightsCard, read_card
from netwright.data.preprocess.photographs import Photographs
from netwright.models.catalogue import create
from netwright.models.weights import load_weights

__all__ = ["Pretrained", "is_pretrained", "pretrained"]


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A network as it was trained, and what belongs to it.

    Attributes:
        name: in `netwright data`.
        model: in evaluation mode; scores (n, k), or the maps of a part that ends before them.
        preprocess: from raw pictures (n, c, h, w), bytes or from 0 to 1, to what the model takes;
            its `fitted` gives the pictures as they are seen, from 0 to 1.
        class_names: in the order of the scores; none where there are no scores.
        input_size: (c, h, w) it is judged at; None where any will do.
    """

    name: str
    model: nn.Module
    preprocess: Photographs
    class_names: tuple[str, ...]
    input_size: tuple[int, int, int] | None


def is_pretrained(name: str) -> bool:
    """Whether `netwright data` has weights of that name, fetched or not."""
    return name in names() and entry(name).kind is Kind.WEIGHTS


def pretrained(name: str, *, cache: str | os.PathLike[str] | None = None) -> Pretrained:
    """The network of that name with its weights, as they are used.

    Args:
        name: of weights that were fetched: `resnet18`, `resnet50`, `mobilenet-v2`,
            `vgg16-features`, …; `netwright data` lists them.
        cache: folder of the cache; the user's own where None.

    Raises:
        BadValue: nothing of that name, not weights, not fetched, or no network for pictures.
        BadData: the weights are not those of the network.
        MissingExtra: the network is timm's, and timm is not installed.
    """
    if entry(name).kind is not Kind.WEIGHTS:
        fix = "`netwright data` lists them."
        raise must_be("pretrained", "the name of weights, not of data", name, fix)
    folder = fetched(name, cache=cache)
    if folder is None:
        fix = f"Run: netwright data get {name}"
        raise must_be("pretrained", "fetched before it is used", name, fix)
    card = read_card(folder)
    if card.architecture.startswith("transformers:"):
        raise must_be("pretrained", "a network for pictures", name, f"It is {card.architecture}.")
    return Pretrained(
        name=name,
        model=_model(card, folder).eval(),
        preprocess=Photographs(
            card.mean, card.std, size=None if card.input_size is None else card.input_size[1:]
        ),
        class_names=_class_names(folder),
        input_size=card.input_size,
    )


def _model(card: WeightsCard, folder: Path) -> nn.Module:
    whole = create(card.architecture, num_classes=card.classes or 1000, changes=card.changes)
    part = None if card.part == "all" else card.part
    load_weights(whole, folder / WEIGHTS, part=part)
    return whole if part is None else whole.get_submodule(part)


def _class_names(folder: Path) -> tuple[str, ...]:
    path = folder / "classes.txt"
    return tuple(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else ()
