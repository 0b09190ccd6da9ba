"""The same classes pictured in several domains: domain/class/picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from netwright.data.dataset import Data, Skipped, TargetKind
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.image_folder import (
    Listing,
    no_pictures,
    pictures_data,
    pictures_in,
    subfolders,
)
from netwright.data.sources.pictures import read_pictures

__all__ = ["domain_folders", "is_domains"]


def domain_folders(
    folder: Path,
    *,
    kind: TargetKind | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Data:
    """Read a folder of image folders, each a domain of the same classes.

    The classes are those of all domains together. One that a domain has no picture of is refused;
    with `skip_bad` the domain goes without it, nothing else is left out, and it is recorded.

    Raises:
        BadData: a class missing from a domain, unreadable pictures, mixed channels, one class only.
    """
    listing = Listing(folder)
    for domain in subfolders(folder):
        listing.add(domain, part=domain.name)
    if not listing.paths:
        raise no_pictures(folder)
    faults = listing.empty + _without_folder(listing)
    refuse_unless(
        skip_bad,
        faults,
        name="classes",
        rule="in every domain with at least one picture each",
        fix="Add pictures, or remove the classes from all domains",
    )
    pictures = read_pictures(
        listing.paths,
        [listing.label(path) for path in listing.paths],
        image_size=image_size,
        channels=channels,
        skip_bad=skip_bad,
    )
    data = pictures_data(listing, pictures, faults=faults, kind=kind)
    parts = np.array(listing.parts, dtype=object)[pictures.kept]
    names, codes = np.unique(parts, return_inverse=True)
    return replace(
        data,
        domains=torch.from_numpy(codes.reshape(-1).astype(np.int64)),
        domain_names=tuple(str(name) for name in names),
    )


def is_domains(folder: Path) -> bool:
    """Whether every picture lies two folders deep or more, and none of one folder deep."""
    firsts = [sub for sub in subfolders(folder) if any(True for _ in pictures_in(sub))]
    return bool(firsts) and not any(
        picture.parent == sub for sub in firsts for picture in pictures_in(sub)
    )


def _without_folder(listing: Listing) -> list[Skipped]:
    """Classes of other domains that a domain has no folder for."""
    return [
        Skipped(listing.label(domain / name), "no such folder")
        for domain in subfolders(listing.root)
        for name in sorted(set(listing.classes))
        if not (domain / name).is_dir()
    ]
