"""Files of a run: written whole or not at all, as valid JSON, with errors that name the way out.

Numbers go through JSON exactly: a finite float by its shortest representation that reads back the
same, NaN and the infinities as ``{"$float": "NaN"}``, ``{"$float": "Infinity"}`` and
``{"$float": "-Infinity"}``. A plain string "NaN" stays a string, so a class may bear that name.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from netwright._errors import BadType, DamagedRun, must_be

__all__ = ["decode", "encode", "left_behind", "open_own", "replacing", "saying_why", "sweep"]
__all__ += ["sync_folder", "write_bytes"]

_COMPACT = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_READABLE = json.JSONEncoder(allow_nan=False, indent=1)
_TEMPORARY = re.compile(r"\..+\.[0-9]+\.tmp")
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WAY_OUT = {
    errno.ENOSPC: "Free space on that disk and resume the run.",
    errno.EDQUOT: "Free some of your quota on that disk and resume the run.",
    errno.EACCES: "Choose a folder that you may write in, or change its permissions.",
    errno.EPERM: "Choose a folder that you may write in, or change its permissions.",
    errno.EROFS: "That disk can only be read: choose a folder on another one.",
    errno.ENOENT: "Check that the run was not moved or deleted meanwhile.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ELOOP: "It is a link, and would be written where that leads: put a file in its place.",
}


def encode(value: Any, *, readable: bool = False) -> str:
    """Plain data as JSON, on one line or indented.

    Raises:
        BadType: the value holds something else than numbers, text, lists and mappings.

    Example:
        >>> encode({"loss": float("nan")})
        '{"loss":{"$float":"NaN"}}'
    """
    encoder = _READABLE if readable else _COMPACT
    try:
        return encoder.encode(value)
    except ValueError:  # a non-finite float: rare, so only then is everything walked through
        return encoder.encode(_representable(value))
    except TypeError as error:
        raise must_be(
            "value",
            "plain data (numbers, text, lists, mappings with text keys)",
            value,
            f"{error}. A tensor's number is tensor.item().",
            error=BadType,
        ) from None


def decode(text: str) -> Any:
    """Plain data from what `encode` wrote.

    Raises:
        ValueError: not valid JSON.
    """
    return (_RESTORING if '"$float"' in text else _PLAIN).decode(text)


def _representable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"$float": name}
    if isinstance(value, Mapping):
        return {key: _representable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_representable(item) for item in value]
    return value


def _restored(mapping: dict[str, Any]) -> Any:
    if len(mapping) == 1 and mapping.get("$float") in _NON_FINITE:
        return _NON_FINITE[mapping["$float"]]
    return mapping


_PLAIN = json.JSONDecoder()
_RESTORING = json.JSONDecoder(object_hook=_restored)


@contextmanager
def saying_why(path: Path, *, doing: str) -> Iterator[None]:
    """Turn any OSError of the block into one sentence with path, reason and way out.

    Args:
        path: the file or folder that is worked on.
        doing: what is tried, as a participle ("written", "read", "created").
    """
    try:
        yield
    except DamagedRun:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        fallback = "Check the disk it is on."
        way_out = _WAY_OUT.get(error.errno or 0, fallback)
        raise DamagedRun(
            f"{path} must be a place that can be {doing}, got {reason!r}. {way_out}"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well.

    What is put in place is on the disk, not only in its cache. When the block fails, whatever was
    at `path` before is still there and nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with saying_why(path, doing="written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        except BaseException:  # also when interrupted
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def open_own(path: Path, flags: int) -> int:
    """Open a file to be written in place; a link is refused, as a stranger's leads anywhere."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def left_behind(folder: Path) -> list[Path]:
    """The temporary files of `replacing` that a killed process could not remove itself."""
    return [path for path in folder.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]


def sweep(folder: Path) -> None:
    """Remove what is `left_behind`."""
    for left in left_behind(folder):
        with suppress(OSError):
            left.unlink()


def sync_folder(path: Path) -> None:
    """Make a new or renamed name in a folder outlive a power cut, where the system can."""
    with suppress(OSError):  # some file systems refuse to sync a folder; the file itself is synced
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
