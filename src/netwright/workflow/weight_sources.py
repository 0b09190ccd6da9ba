"""Where the weights that a recipe's model begins with come from, and what has to be known of them.

`model.pretrained` says it: `true` takes weights of `netwright data` that were fetched and are of
that network, else its library's; a name of `netwright data`, the word "library" or a path chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright._errors import must_be, unknown
from netwright.data.depot import Kind, entry, names
from netwright.data.depot import prepared as fetched
from netwright.data.depot.weights import (
    CARD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    WEIGHTS,
    WeightsCard,
    read_card,
)
from netwright.models.backbones.trained import library_weights
from netwright.models.catalogue import describe
from netwright.models.weights import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LIBRARY", "WeightSource", "find_weights"]

LIBRARY = "library"
_NOT_SAID = "the file does not say how its pictures were prepared: ImageNet's mean and deviation"


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """Weights that are there, or that a library can fetch.

    Attributes:
        word: what a recipe calls them.
        file: they lie in; None for the library's.
        mean: subtracted from pictures from 0 to 1, by colour; None where the data's own
            preprocessing will do.
        deviation: divided by afterwards.
        size: (height, width) they are judged at; None where any will do.
        num_classes: of the library's head.
        part: submodule that they are for, the rest being drawn anew; None where they are whole.
        changes: attributes of modules, see `models.changes`.
        about: licence, origin and notes, for the record.
    """

    word: str
    file: Path | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None
    num_classes: int | None = None
    part: str | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)


def find_weights(model: str, pretrained: bool | str | Path) -> WeightSource:
    """The weights that a recipe means.

    Args:
        model: name of the network.
        pretrained: True, a name of `netwright data`, "library", or a path.

    Raises:
        BadValue: there are none, they have not been fetched, or they are of another network.
    """
    if pretrained is True:
        return _of_depot_or_library(model)
    if not isinstance(pretrained, (str, Path)):
        raise must_be("model.pretrained", "true, false, a name or a path", pretrained)
    word = str(pretrained)
    if word == LIBRARY:
        return _of_library(model)
    if Path(word).suffix in SUFFIXES:
        return _of_file(model, Path(word).expanduser())
    known = [one for one in names() if entry(one).kind is Kind.WEIGHTS]
    if word not in known:
        hint = f"A path ends in {', '.join(SUFFIXES)}."
        raise unknown("pretrained weights", word, [*known, LIBRARY], hint=hint)
    return _of_depot(model, word)


def _of_depot_or_library(model: str) -> WeightSource:
    wanted = describe(model).name
    for name, folder in _fetched():
        card = read_card(folder)
        if card.part == "all" and card.architecture == wanted:
            return _of_card(name, folder / WEIGHTS, card)
    return _of_library(model)


def _fetched() -> Iterator[tuple[str, Path]]:
    for name in names():
        folder = fetched(name) if entry(name).kind is Kind.WEIGHTS else None
        if folder is not None:
            yield name, folder


def _of_depot(model: str, name: str) -> WeightSource:
    folder = fetched(name)
    if folder is None:
        fix = f"Run: netwright data get {name}"
        raise must_be("model.pretrained", "fetched before it is used", name, fix)
    card, wanted = read_card(folder), describe(model).name
    if card.architecture != wanted:
        fix = f"Choose model.name={card.architecture}."
        raise must_be("model.pretrained", f"weights of {wanted}", name, fix)
    return _of_card(name, folder / WEIGHTS, card)


def _of_library(model: str) -> WeightSource:
    known = library_weights(model)
    return WeightSource(
        word=LIBRARY,
        mean=known.mean,
        deviation=known.deviation,
        size=known.size,
        num_classes=known.num_classes,
        changes=known.changes,
        about={"origin": known.origin},
    )


def _of_file(model: str, file: Path) -> WeightSource:
    if not file.is_file():
        fix = "A path is taken from the folder that you are in."
        raise must_be("model.pretrained", "an existing file", str(file), fix)
    if file.name == WEIGHTS and (file.parent / CARD).is_file():
        return _of_card(str(file.resolve()), file, read_card(file.parent))
    word = str(file.resolve())
    if "library" not in describe(model).facts:
        return WeightSource(word=word, file=file)
    return WeightSource(
        word=word,
        file=file,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_STD,
        about={"note": _NOT_SAID},
    )


def _of_card(word: str, file: Path, card: WeightsCard) -> WeightSource:
    said = {"licence": card.licence, "origin": card.origin, "note": card.note}
    return WeightSource(
        word=word,
        file=file,
        mean=card.mean,
        deviation=card.std,
        size=None if card.input_size is None else card.input_size[1:],
        part=None if card.part == "all" else card.part,
        changes=card.changes,
        about={name: text for name, text in said.items() if text},
    )
