"""Pictures sorted into a folder for each class, whole or divided into train, val and test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from netwright._errors import BadData, offenders
from netwright.data.dataset import Data, InputKind, Skipped, Target, TargetKind
from netwright.data.decode import EXTENSIONS
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.pictures import Pictures, read_pictures
from netwright.data.sources.targets import class_target

__all__ = [
    "Listing",
    "image_folder",
    "is_divided",
    "no_pictures",
    "pictures_data",
    "pictures_in",
    "split_folders",
    "subfolders",
    "unlabelled_folder",
]

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

COMPANION = "masks"
"""May lie beside the splits: masks of the pictures belong to no class."""


@dataclass
class Listing:
    """Picture files with the class of each, and the split or domain it lies in."""

    root: Path
    paths: list[Path] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    empty: list[Skipped] = field(default_factory=list)

    def add(self, folder: Path, *, part: str) -> None:
        """List the class folders of `folder`, noting those without a picture."""
        for class_folder in subfolders(folder):
            found = list(pictures_in(class_folder))
            if not found:
                self.empty.append(Skipped(self.label(class_folder), "no pictures in it"))
            self.paths += found
            self.classes += [class_folder.name] * len(found)
            self.parts += [part] * len(found)

    def label(self, path: Path) -> str:
        """The path below the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def image_folder(
    folder: Path,
    *,
    kind: TargetKind | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Data:
    """Read class/picture.png, or train/class/picture.png with val and test beside train.

    Class names are sorted; pictures may lie deeper in their class folder. A class needs a picture
    to learn from: with splits, one in train. With `skip_bad` a class without is left out, and so
    are its pictures in the other splits. A folder `masks` beside the splits is passed over.

    Raises:
        BadData: no pictures, pictures outside class folders, an empty class, one class only,
            unreadable pictures, mixed channels.
    """
    listing = Listing(folder)
    divided = is_divided(folder)
    if divided:
        for split in split_folders(folder):
            _refuse_loose(split)
            listing.add(split, part=SPLIT_NAMES[split.name.lower()])
    else:
        _refuse_loose(folder)
        listing.add(folder, part="")
    if not listing.paths:
        raise no_pictures(folder)
    faults = listing.empty + (_untrained(listing) if divided else [])
    refuse_unless(
        skip_bad,
        faults,
        name="classes",
        rule="folders with at least one picture each",
        fix="Add pictures, or remove the folders",
    )
    pictures = read_pictures(
        listing.paths,
        [listing.label(path) for path in listing.paths],
        image_size=image_size,
        channels=channels,
        skip_bad=skip_bad,
    )
    if not divided:
        return pictures_data(listing, pictures, faults=faults, kind=kind)
    pictures = _only_trained(listing, pictures)
    data = pictures_data(listing, pictures, faults=faults, kind=kind)
    return _with_splits(data, listing, pictures)


def pictures_data(
    listing: Listing, pictures: Pictures, *, faults: Sequence[Skipped], kind: TargetKind | None
) -> Data:
    """Join pictures that were read with the classes they lie in."""
    classes = np.array(listing.classes, dtype=object)[pictures.kept]
    names, codes = np.unique(classes, return_inverse=True)
    return Data(
        name=listing.root.name,
        samples=pictures.samples,
        input_kind=InputKind.IMAGE,
        target=class_target(codes.reshape(-1), [str(name) for name in names], kind=kind),
        labels=tuple(listing.label(listing.paths[at]) for at in pictures.kept),
        skipped=(*faults, *pictures.skipped),
        origin=f"the folder {listing.root.name}",
    )


def unlabelled_folder(
    folder: Path,
    *,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Data:
    """Read every picture under a folder, in the order of their paths, without targets."""
    listing = Listing(folder, paths=list(pictures_in(folder)))
    if not listing.paths:
        raise no_pictures(folder)
    labels = [listing.label(path) for path in listing.paths]
    pictures = read_pictures(
        listing.paths, labels, image_size=image_size, channels=channels, skip_bad=skip_bad
    )
    return Data(
        name=folder.name,
        samples=pictures.samples,
        input_kind=InputKind.IMAGE,
        target=Target(kind=TargetKind.NONE),
        labels=tuple(labels[at] for at in pictures.kept),
        skipped=pictures.skipped,
        origin=f"the folder {folder.name}",
    )


def is_divided(folder: Path) -> bool:
    """Whether the folder holds train, and val or test or both, and no class folders beside them.

    Raises:
        BadData: split folders and other folders lie side by side, or one split twice.
    """
    splits = split_folders(folder)
    means = [SPLIT_NAMES[split.name.lower()] for split in splits]
    if "train" not in means:
        return False
    others = [sub.name for sub in subfolders(folder) if sub not in splits and sub.name != COMPANION]
    if others:
        raise BadData(
            f"{folder} must be either train, val and test or one folder a class, got "
            f"{offenders(split.name for split in splits)} beside {offenders(others)}. Move the "
            "others elsewhere."
        )
    if len(set(means)) < len(means):
        raise BadData(
            f"{folder} must be divided into train, val and test once each, got "
            f"{offenders(split.name for split in splits)}. Keep one folder a split."
        )
    return True


def split_folders(folder: Path) -> list[Path]:
    """The folders named for a split."""
    return [sub for sub in subfolders(folder) if sub.name.lower() in SPLIT_NAMES]


def subfolders(folder: Path) -> list[Path]:
    """Folders directly inside, by name; hidden ones and archive debris are passed over."""
    return sorted(
        (sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith((".", "__"))),
        key=lambda sub: sub.name,
    )


def pictures_in(folder: Path) -> Iterator[Path]:
    """Picture files at any depth, by path; hidden ones are passed over."""
    for where, inner, files in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__")))
        for name in sorted(files):
            if Path(name).suffix.lower() in EXTENSIONS and not name.startswith("."):
                yield Path(where, name)


def no_pictures(folder: Path) -> BadData:
    """The error for a folder without a single picture."""
    formats = " ".join(sorted(EXTENSIONS))
    return BadData(
        f"{folder} must be a folder of pictures ({formats}), got no pictures in it. Give the "
        "folder that holds one folder for each class."
    )


def _refuse_loose(folder: Path) -> None:
    """Pictures beside class folders would be left out without a word."""
    loose = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    ]
    if loose:
        raise BadData(
            f"{folder} must be a folder with one folder of pictures for each class, got pictures "
            f"outside class folders: {offenders(loose)}. Sort them into class folders; "
            "netwright predict takes them as they are."
        )


def _untrained(listing: Listing) -> list[Skipped]:
    """Classes that other splits have and train has no folder for."""
    (train,) = (
        sub for sub in split_folders(listing.root) if SPLIT_NAMES[sub.name.lower()] == "train"
    )
    return [
        Skipped(listing.label(train / name), "no such folder")
        for name in sorted(set(listing.classes))
        if not (train / name).is_dir()
    ]


def _only_trained(listing: Listing, pictures: Pictures) -> Pictures:
    """Leave out the classes that train has no readable picture of."""
    classes = np.array(listing.classes, dtype=object)[pictures.kept]
    parts = np.array(listing.parts, dtype=object)[pictures.kept]
    keep = np.isin(classes.astype(str), classes[parts == "train"].astype(str))
    out = [
        Skipped(listing.label(listing.paths[at]), "its class has no picture in train")
        for at in pictures.kept[~keep]
    ]
    return replace(pictures.only(keep), skipped=(*pictures.skipped, *out))


def _with_splits(data: Data, listing: Listing, pictures: Pictures) -> Data:
    parts = np.array(listing.parts, dtype=object)[pictures.kept]
    splits = {
        split: torch.from_numpy(np.flatnonzero(parts == split))
        for split in ("train", "val", "test")
        if (parts == split).any()
    }
    return replace(data, splits=splits)
