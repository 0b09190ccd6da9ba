"""Decoded pictures kept in memory or on disk, shared by all processes that read them.

A place for each picture lies in one file: in memory without a name, or on disk. It is read through
a memory map and written with `pwrite`, which says that a disk is full where writing to a map would
kill the process. Whether a picture is there is a byte of its own, written after its pixels, so a
process may be killed at any moment. On disk the files live until the machine is started again,
because only then could pixels and bytes have come apart, or until their place is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from netwright.data.depot.cache import cache_folder

__all__ = ["PixelCache", "disk_cache", "memory_cache"]

SHARE = 0.5
"""Of the free memory, or of the free disk, that the pictures may take; the rest is not kept."""

SUFFIX = ".pixels"
PAGE = 4096


class PixelCache:
    """Pictures of known sizes, put once and got as often as wanted.

    Args:
        sizes: (height, width) of each picture.
        channels: of all of them.
        budget: bytes; pictures that would lie beyond have no place.
        open_file: gives a file descriptor of one's own to a file of so many bytes, which are 0
            where nothing was written.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        *,
        channels: int,
        budget: float,
        open_file: Callable[[int], int],
    ) -> None:
        self._sizes, self._channels = sizes, channels
        bytes_of = (height * width * channels for height, width in sizes)
        self._ends = list(itertools.accumulate(bytes_of, initial=len(sizes) // PAGE * PAGE + PAGE))
        self.kept = sum(end <= budget for end in self._ends[1:])
        size = self._ends[self.kept]
        self._file = open_file(size)
        self._map = mmap.mmap(self._file, size)
        self._full = False
        weakref.finalize(self, os.close, self._file)

    def get(self, index: int) -> UInt8[Tensor, "c h w"] | None:
        """The picture, laid out in memory as h w c and not to be written to; None: not there."""
        if index >= self.kept or not self._map[index]:
            return None
        height, width = self._sizes[index]
        start, stop = self._ends[index], self._ends[index + 1]
        pixels = np.frombuffer(self._map, dtype=np.uint8, count=stop - start, offset=start)
        return torch.from_numpy(pixels.reshape(height, width, self._channels)).permute(2, 0, 1)

    def put(self, index: int, picture: UInt8[Tensor, "c h w"]) -> None:
        """Keep a picture, if it has a place and the disk has room."""
        if index >= self.kept or self._full or picture.shape[1:] != self._sizes[index]:
            return
        pixels = memoryview(picture.permute(1, 2, 0).contiguous().view(-1).numpy().data)
        try:
            done = os.pwrite(self._file, pixels, self._ends[index])
            while done < len(pixels):
                done += os.pwrite(self._file, pixels[done:], self._ends[index] + done)
            os.pwrite(self._file, b"\1", index)
        except OSError:  # no room: what is there stays, nothing more is kept
            self._full = True


def memory_cache(sizes: Sequence[tuple[int, int]], *, channels: int) -> PixelCache:
    """Kept in memory, until the processes that share it end."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return PixelCache(sizes, channels=channels, budget=SHARE * free, open_file=_in_memory)


def disk_cache(
    paths: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    *,
    channels: int,
    under: Path | None = None,
) -> PixelCache:
    """Kept on disk for later runs on the same, unchanged files.

    Files of this kind that nobody reads are taken away, the longest unused first, when they take
    more than their share, and always once the machine was started again.
    """
    folder = cache_folder() / ".decoded" if under is None else under
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_boot()}-{_key(paths, channels)}{SUFFIX}"
    others = [other for other in folder.glob(f"*{SUFFIX}") if other != path]
    budget = SHARE * (shutil.disk_usage(folder).free + sum(map(_taken, [*others, path])))
    cache = PixelCache(
        sizes, channels=channels, budget=budget, open_file=lambda size: _on_disk(path, size)
    )
    _tidy(others, room=budget - cache._ends[cache.kept])
    return cache


def _in_memory(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("netwright-pixels")
    else:
        with tempfile.TemporaryFile() as unnamed:
            file = os.dup(unnamed.fileno())
    os.ftruncate(file, size)
    return file


def _on_disk(path: Path, size: int) -> int:
    """Nothing is written twice, so a file may be opened by many, also while it is filled."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(
            file, fcntl.LOCK_SH
        )  # held while it is in use, also by a process that is killed
        if os.fstat(file).st_nlink:
            break
        os.close(file)  # taken away between opening and locking
    if os.fstat(file).st_size < size:
        os.ftruncate(file, size)
    os.utime(file)
    return file


def _tidy(files: Sequence[Path], *, room: float) -> None:
    """Take away files of this kind that nobody has open, until the rest fits."""
    by_age = sorted(files, key=lambda file: file.stat().st_mtime if file.exists() else 0)
    held = sum(map(_taken, by_age))
    for path in by_age:
        if held <= room and path.name.startswith(_boot()):
            continue
        bytes_there = _taken(path)
        held -= bytes_there if _unlinked(path) else 0


def _unlinked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(file)
    return True


def _taken(path: Path) -> int:
    """Bytes on disk; what was never written takes none."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _key(paths: Sequence[str], channels: int) -> str:
    digest = hashlib.sha256(f"{channels}".encode())
    for path in paths:
        facts = os.stat(path)
        digest.update(repr((os.path.abspath(path), facts.st_size, facts.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _boot() -> str:
    """Another one each time the machine is started."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "unknown"
