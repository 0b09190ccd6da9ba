"""Wanted members out of wheels and tar archives."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

__all__ = ["unpack"]


def unpack(archive: Path, folder: Path, *, keep: Sequence[str] = ()) -> None:
    """Unpack the members whose path matches a pattern of `keep` (all where it is empty)."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if _wanted(name, keep)])
        return
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if _wanted(member.name, keep)]
        # The filter refuses members that would land outside the folder, and special files.
        tar.extractall(folder, members, filter="data")


def _wanted(path: str, keep: Sequence[str]) -> bool:
    return not keep or any(fnmatch(path, pattern) for pattern in keep)
