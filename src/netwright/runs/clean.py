"""Disk space back from runs: what a finished one no longer needs, what a killed one left."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from netwright._errors import DamagedRun, NetwrightError
from netwright.runs.files import left_behind, saying_why
from netwright.runs.finished import MEMBERS, SNAPSHOTS, is_finished
from netwright.runs.lock import is_being_written, writing
from netwright.runs.store import EVENTS, RunFolder, list_runs

__all__ = ["Cleaned", "clean"]


@dataclass(frozen=True)
class Cleaned:
    """What became of a run.

    Attributes:
        name: of the run.
        freed: bytes.
        files: how many were removed.
        kept: why its snapshots, or with `whole` all of it, are still there; empty where they are
            not.
    """

    name: str
    freed: int
    files: int
    kept: str = ""


def clean(runs: Iterable[RunFolder], *, dry: bool = False, whole: bool = False) -> list[Cleaned]:
    """Remove the snapshots of finished runs, and what killed processes left half-written.

    A finished run keeps its weights, record, figures and report. A run that is being written is
    never touched, an unfinished one keeps its snapshots: it goes on from them. A folder without a
    record may be no run, whatever recipe lies in it: it is left alone.

    Args:
        runs: the runs.
        dry: only say what would be removed.
        whole: remove the runs altogether, finished or not.

    Raises:
        DamagedRun: the disk refuses.
    """
    return [_clean(folder, dry=dry, whole=whole) for folder in runs]


def _clean(folder: RunFolder, *, dry: bool, whole: bool) -> Cleaned:
    if is_being_written(folder.path):
        return Cleaned(folder.name, 0, 0, "is being written")
    if not folder.has(EVENTS):
        return Cleaned(folder.name, 0, 0, "it has no record")
    if dry:
        return _said(folder, *_superfluous(folder, whole=whole))
    try:
        with writing(folder.path), saying_why(folder.path, doing="removed"):
            files, kept = _superfluous(folder, whole=whole)
            said = _said(folder, files, kept)
            if whole:
                shutil.rmtree(folder.path)
            for file in files:
                file.unlink(missing_ok=True)
            return said
    except DamagedRun:
        if is_being_written(folder.path):  # somebody was quicker
            return Cleaned(folder.name, 0, 0, "is being written")
        raise


def _said(folder: RunFolder, files: list[Path], kept: str) -> Cleaned:
    return Cleaned(folder.name, sum(file.lstat().st_size for file in files), len(files), kept)


def _superfluous(folder: RunFolder, *, whole: bool) -> tuple[list[Path], str]:
    """The files to be removed, and why the snapshots are not among them."""
    if whole:
        everything = folder.path.rglob("*")
        return [path for path in everything if path.is_file() or path.is_symlink()], ""
    files = left_behind(folder.path)
    try:
        finished = is_finished(folder)
    except NetwrightError:
        return files, "its record can't be read"
    if not finished:
        return files, "unfinished"
    place = folder.path / SNAPSHOTS
    if place.is_symlink():
        return files, "they lie elsewhere, where a link leads"
    of_members = [
        file
        for member in list_runs(folder.path / MEMBERS)
        for file in _superfluous(member, whole=False)[0]
    ]
    return list(dict.fromkeys([*files, *place.glob("*.snapshot"), *of_members])), ""
