"""What the depot knows of a data set or of pretrained weights, before anything is fetched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from netwright._errors import NetwrightError

__all__ = ["Carrier", "DepotEntry", "Kind", "NotFetched", "Prepare", "Progress", "Route"]

Progress: TypeAlias = Callable[[str, float | None], None]
"""Told what is happening and, where it is known, how much of it is done (0 to 1)."""

Prepare: TypeAlias = Callable[[Path, Path], None]
"""Turns an unpacked payload (first folder) into the canonical layout (second, empty folder)."""


class NotFetched(NetwrightError, OSError):
    """Something could not be brought: one route failed, or all of them did."""


class Kind(StrEnum):
    """What an entry holds."""

    DATA = "data"
    WEIGHTS = "weights"


class Carrier(ABC):
    """Who brings an archive: a package client, or a library's own download.

    Attributes:
        into: folder below the payload that it unpacks into; the payload itself where empty.
    """

    into: str = ""

    @property
    @abstractmethod
    def label(self) -> str:
        """How a person would ask for the same thing."""

    @abstractmethod
    def bring(self, folder: Path) -> None:
        """Unpack into `folder`, which exists and is empty.

        Raises:
            NotFetched: it can't be had this way; the sentence says why.
        """


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to an entry.

    Attributes:
        carriers: what has to be brought, in order.
        payload: sha256 of what must lie in the unpacked payload, by path; a path that ends in "/"
            is a folder, with the digest of everything in it.
        prepare: from the payload to the canonical layout.
    """

    carriers: tuple[Carrier, ...]
    payload: Mapping[str, str]
    prepare: Prepare

    @property
    def label(self) -> str:
        """What it asks for, in words."""
        return ", ".join(carrier.label for carrier in self.carriers)


@dataclass(frozen=True, kw_only=True)
class DepotEntry:
    """A data set or pretrained weights that can be fetched.

    Attributes:
        name: as typed on the command line.
        kind: data or weights.
        summary: one line.
        licence: of the data themselves, in words.
        origin: who made them.
        megabytes: what has to be downloaded.
        routes: ways to it, tried in order.
        contents: digest of prepared files that must come out the same by every route.
        extra: the (module, extra) that preparing it needs besides the core, if any.
        revision: raised when the canonical layout changes, so that older copies are fetched again.
    """

    name: str
    kind: Kind
    summary: str
    licence: str
    origin: str
    megabytes: float
    routes: tuple[Route, ...]
    contents: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, str] | None = None
    revision: int = 1
