"""Who writes a run: one process at a time."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netwright._errors import DamagedRun
from netwright.runs.files import open_own, saying_why

__all__ = ["is_being_written", "writing"]

LOCK = ".lock"
_REFUSED = {errno.EACCES, errno.EAGAIN}

_guard = threading.Lock()
_held: set[tuple[int, Path]] = set()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Keep every other process from writing the run meanwhile.

    The system lets go of the lock when the process dies, however it does. Where the disk knows no
    locks, everybody may write.

    Raises:
        DamagedRun: another is writing it.
    """
    place = folder.resolve()
    mine = os.getpid(), place  # a forked process holds nothing of its parent's
    with saying_why(folder / LOCK, doing="written"):
        file = open_own(folder / LOCK, os.O_RDWR | os.O_CREAT)
    with _guard:
        taken = mine not in _held and _lock(file)
        if taken:
            _held.add(mine)
        elif mine not in _held:
            os.close(file)
        # else it stays open: closing any would let go of the lock that this process has
    if not taken:
        raise DamagedRun(
            f"run must be written by one process at a time, got {folder.name}, which "
            f"{_by_whom(place)} is writing. Wait for its end, or stop it."
        )
    try:
        with saying_why(folder / LOCK, doing="written"):
            os.ftruncate(file, 0)
            os.write(file, str(os.getpid()).encode())
        yield
    finally:
        with _guard:
            _held.discard(mine)
        os.close(file)


def is_being_written(folder: Path) -> bool:
    """Whether a process, this one or another, is writing the run at this moment."""
    if (os.getpid(), folder.resolve()) in _held:
        return True
    try:
        file = open_own(folder / LOCK, os.O_RDWR)
    except OSError:  # nobody has ever locked it, or it can't be written at all
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Take the lock; False where another process has it.

    It belongs to the process, unlike that of `flock`: the workers that a run forks must not keep
    it when the run is killed.
    """
    try:
        import fcntl
    except ImportError:  # a system without it
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _REFUSED
    return True


def _by_whom(folder: Path) -> str:
    number = ""
    if (os.getpid(), folder) not in _held:
        with suppress(OSError):
            number = (folder / LOCK).read_text()
    return f"process {number}" if number else "this process"
