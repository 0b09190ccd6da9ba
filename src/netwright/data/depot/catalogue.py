"""Everything the depot can bring."""

from __future__ import annotations

import os
from dataclasses import dataclass

from netwright._errors import must_be, unknown
from netwright.data.depot import (
    bible,
    cells,
    chest_x_ray,
    cifar10,
    efficientnet_lite,
    elpv,
    emoji,
    gutenberg,
    minilm,
    mnist,
    perceptual_features,
    resnet50,
    torchvision_weights,
    traffic_lights,
    vgg19_normalised,
)
from netwright.data.depot.cache import cache_folder, is_whole
from netwright.data.depot.entry import DepotEntry, Kind

__all__ = ["Listed", "entry", "listing", "names"]

_ENTRIES = (
    *mnist.ENTRIES,
    *cifar10.ENTRIES,
    *traffic_lights.ENTRIES,
    *chest_x_ray.ENTRIES,
    *elpv.ENTRIES,
    *emoji.ENTRIES,
    *cells.ENTRIES,
    *bible.ENTRIES,
    *gutenberg.ENTRIES,
    *torchvision_weights.ENTRIES,
    *resnet50.ENTRIES,
    *efficientnet_lite.ENTRIES,
    *perceptual_features.ENTRIES,
    *vgg19_normalised.ENTRIES,
    *minilm.ENTRIES,
)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list of what can be fetched.

    Attributes:
        name: as typed on the command line.
        kind: data or weights.
        megabytes: what has to be downloaded.
        licence: in words.
        origin: who made it.
        fetched: whether it lies in the cache, whole.
        summary: one line.
    """

    name: str
    kind: Kind
    megabytes: float
    licence: str
    origin: str
    fetched: bool
    summary: str


def names() -> list[str]:
    """The names of all entries, data first."""
    return list(_TABLE)


def entry(name: str) -> DepotEntry:
    """The entry of that name.

    Raises:
        BadValue: there is none; the nearest names are listed.
    """
    if name not in _TABLE:
        raise unknown("data set", name, _TABLE)
    return _TABLE[name]


def listing(*, cache: str | os.PathLike[str] | None = None) -> list[Listed]:
    """One line for every entry.

    Args:
        cache: folder of the cache; the user's own where None.
    """
    folder = cache_folder(cache)
    return [
        Listed(
            name=item.name,
            kind=item.kind,
            megabytes=item.megabytes,
            licence=item.licence,
            origin=item.origin,
            fetched=is_whole(folder / item.name, item),
            summary=item.summary,
        )
        for item in _TABLE.values()
    ]


def _table(entries: tuple[DepotEntry, ...]) -> dict[str, DepotEntry]:
    table = {item.name: item for item in entries}
    if len(table) != len(entries):
        raise must_be("names of the depot", "unlike each other", [item.name for item in entries])
    return table


_TABLE = _table(_ENTRIES)
