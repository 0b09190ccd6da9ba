"""The whole state of a run at one moment, in memory and on disk.

On disk a snapshot is one file: a magic word, the SHA-256 of what follows, and a torch archive that
is only ever read with `weights_only`. It is written beside its place, synced, and renamed, so a
file of that name is whole or damaged by the disk; damage is found by the checksum.
"""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadType, DamagedRun, must_be
from netwright.data.batch import map_tensors
from netwright.runs.files import replacing

__all__ = ["Ring", "SnapshotFolder", "State", "own_copy", "read_snapshot", "write_snapshot"]

State = dict[str, Any]

_MAGIC = b"NWSNAP01"
_PLAIN = (bool, int, float, str, bytes, type(None), torch.dtype, torch.device, torch.Size)


def own_copy(value: Any) -> Any:
    """A copy that shares no tensor with `value`, on the same devices."""
    return map_tensors(value, lambda tensor: tensor.detach().clone())


class Ring:
    """The last few snapshots, in host memory.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise must_be("size", "at least 1", size)
        self._kept: deque[tuple[int, State]] = deque(maxlen=size)

    def add(self, step: int, state: State) -> None:
        """Keep a copy of `state`, taken after `step` steps."""
        self._kept.append((step, map_tensors(state, _to_host)))

    def latest(self, step: int) -> State:
        """The newest taken at `step` or before.

        Raises:
            BadValue: none is that old.
        """
        for taken, state in reversed(self._kept):
            if taken <= step:
                return own_copy(state)  # type: ignore[no-any-return]
        held = [taken for taken, _ in self._kept]
        raise must_be("step", f"at or after the oldest snapshot in memory, of {held}", step)

    def forget_after(self, step: int) -> None:
        """Drop those taken after `step`: the run has gone back."""
        while self._kept and self._kept[-1][0] > step:
            self._kept.pop()


class SnapshotFolder:
    """The snapshots of a run on disk, the oldest dropped first.

    Args:
        path: the folder; made when the first is written.
        keep: how many are kept.
    """

    def __init__(self, path: Path, *, keep: int = 2) -> None:
        if keep < 1:
            raise must_be("keep", "at least 1", keep)
        self.path = path
        self._keep = keep

    def write(self, step: int, state: State) -> Path:
        """Write a snapshot and drop those beyond the kept number.

        Those of later steps go too: the run has gone back, and they are of a course it left.

        Raises:
            DamagedRun: the disk is full or refuses.
        """
        file = self.path / f"step-{step:09d}.snapshot"
        write_snapshot(file, state)
        files = self.files()
        here = files.index(file) + 1
        for other in [*files[: max(here - self._keep, 0)], *files[here:]]:
            other.unlink(missing_ok=True)
        return file

    def files(self) -> list[Path]:
        """All of them, oldest first."""
        return sorted(self.path.glob("step-*.snapshot"))

    def newest(self) -> tuple[Path, State, Sequence[str]]:
        """The newest that is whole, and a sentence for each damaged one that was passed over.

        Raises:
            DamagedRun: there is none.
        """
        complaints: list[str] = []
        for file in reversed(self.files()):
            try:
                return file, read_snapshot(file), complaints
            except DamagedRun as error:
                complaints.append(str(error))
        raise DamagedRun(
            f"snapshots must be in {self.path} to go on from, got "
            f"{'; '.join(complaints) if complaints else 'none'}. Start the run anew from its "
            "recipe: netwright train --recipe RUN/recipe.yaml"
        )


def write_snapshot(file: Path, state: State) -> None:
    """Write `state` to `file` whole or not at all.

    Raises:
        DamagedRun: the disk is full or refuses; whatever was at `file` is still there.
        BadType: `state` holds something that could be written, but not safely read again.
    """
    _check_plain(state, place="state")
    buffer = io.BytesIO()
    torch.save(map_tensors(state, _to_host), buffer)
    payload = buffer.getbuffer()
    with replacing(file) as temporary, temporary.open("wb") as out:
        out.write(_MAGIC)
        out.write(hashlib.sha256(payload).digest())
        out.write(payload)


def read_snapshot(file: Path) -> State:
    """Read a snapshot; nothing in it is executed.

    Raises:
        DamagedRun: it can't be read, is cut short or altered.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedRun(f"snapshot must be readable, got {error.strerror} for {file}.") from error
    head = len(_MAGIC) + 32
    payload = memoryview(content)[head:]
    if content[: len(_MAGIC)] != _MAGIC or (
        hashlib.sha256(payload).digest() != content[len(_MAGIC) : head]
    ):
        raise DamagedRun(f"snapshot must be whole, got a wrong checksum in {file}.")
    try:
        state: State = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
    except Exception as error:  # the reader raises whatever a foreign content leads it to
        raise DamagedRun(f"snapshot must hold plain tensors, got {error} in {file}.") from error
    return state


def _check_plain(value: Any, *, place: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(key, place=f"a key of {place}")
            _check_plain(item, place=f"{place}[{key!r}]")
    elif type(value) in (list, tuple):
        for number, item in enumerate(value):
            _check_plain(item, place=f"{place}[{number}]")
    elif not isinstance(value, Tensor) and type(value) not in _PLAIN:
        raise must_be(
            place,
            "a tensor, number, text, None, or a list, tuple or mapping of them",
            type(value).__name__,
            "It is kept in snapshots, which are read without executing anything.",
            error=BadType,
        )


def _to_host(tensor: Tensor) -> Tensor:
    # a copy of its own also frees a view from the storage it shares
    return tensor.detach().to("cpu", copy=True)
