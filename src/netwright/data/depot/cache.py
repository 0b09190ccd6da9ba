"""Where fetched things lie, and whether they are whole."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from netwright.data.depot.entry import DepotEntry
from netwright.data.depot.verify import file_digest

__all__ = [
    "MANIFEST",
    "UNFINISHED",
    "cache_folder",
    "changed_files",
    "discard",
    "is_whole",
    "place",
    "read_manifest",
    "write_manifest",
]

MANIFEST = "manifest.json"
UNFINISHED = ".netwright-"  # how folders begin that nobody should look into


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """The folder given, else netwright in the user's cache (`XDG_CACHE_HOME` or ~/.cache)."""
    if cache is not None:
        return Path(cache).expanduser()
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    base = Path(home) if os.path.isabs(home) else Path.home() / ".cache"
    return base / "netwright"


def write_manifest(folder: Path, item: DepotEntry, *, route: str) -> None:
    """Write down what a prepared folder holds and where it came from."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "name": item.name,
        "revision": item.revision,
        "kind": item.kind,
        "summary": item.summary,
        "licence": item.licence,
        "origin": item.origin,
        "route": route,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": {
            path.relative_to(folder).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": file_digest(path),
            }
            for path in files
        },
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What `write_manifest` wrote; None where it is not there or can't be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "files" in manifest else None


def is_whole(folder: Path, item: DepotEntry) -> bool:
    """Whether every file is there with its size (quick: nothing is read but the manifest)."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.get("revision") != item.revision:
        return False
    return all(_size(folder / path) == facts["bytes"] for path, facts in manifest["files"].items())


def changed_files(folder: Path) -> list[str]:
    """The files whose checksum is no longer the one in the manifest (slow: reads them all)."""
    manifest = read_manifest(folder)
    if manifest is None:
        return [MANIFEST]
    return [
        path
        for path, facts in manifest["files"].items()
        if not (folder / path).is_file() or file_digest(folder / path) != facts["sha256"]
    ]


def place(made: Path, target: Path) -> None:
    """Move a finished folder to where it belongs, in one step, over what may be there."""
    discard(target)
    os.rename(made, target)


def discard(folder: Path) -> bool:
    """Take a folder away in one step; says whether there was one."""
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder.parent) as away:
        try:
            os.rename(folder, Path(away) / "folder")
        except FileNotFoundError:
            return False
        shutil.rmtree(Path(away) / "folder")
    return True


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
