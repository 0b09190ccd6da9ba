"""Networks of one paper that a library keeps, as entries of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from netwright._catalogue import Entry

__all__ = ["Family", "any_size", "entries_of", "multiples"]

Members = Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True)
class Family:
    """Networks of one paper.

    Attributes:
        summary: one line.
        paper: title, year and link.
        members: name → (parameters with 1000 classes, smallest side, sides are a multiple of).
        differs: from the paper, in words; empty where nothing is known to.
    """

    summary: str
    paper: str
    members: Members
    differs: str = ""


def any_size(smallest: int, **parameters: int) -> dict[str, tuple[int, int, int]]:
    """Members that bear every size from `smallest`."""
    return {name: (count, smallest, 1) for name, count in parameters.items()}


def multiples(side: int, **parameters: int) -> dict[str, tuple[int, int, int]]:
    """Members that bear multiples of `side`."""
    return {name: (count, side, side) for name, count in parameters.items()}


def entries_of(library: str, families: Sequence[Family]) -> tuple[Entry, ...]:
    """Every member under its full name.

    Args:
        library: that keeps them, which has a module beside this one.
        families: in the order of the catalogue.
    """
    return tuple(
        _entry(library, family, name=name) for family in families for name in family.members
    )


def _entry(library: str, family: Family, *, name: str) -> Entry:
    parameters, smallest, multiple = family.members[name]
    facts = {
        "library": library,
        "name": name,
        "parameters": parameters,
        "smallest": smallest,
        "multiple": multiple,
    }
    differs = {"differs": family.differs} if family.differs else {}
    return Entry(
        name=f"{library}:{name}",
        target=f"netwright.models.backbones.{library}:build",
        summary=family.summary,
        paper=family.paper,
        facts=MappingProxyType(facts | differs),
    )
