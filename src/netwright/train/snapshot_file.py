"""The file of a snapshot: written straight from the tensors' memory, read without executing.

::

    NWSNAP02                  8 bytes
    SHA-256                  32 bytes, of everything that follows
    length of the index       8 bytes, little-endian
    index                    JSON: the state, with a place in the file for each tensor
    tensors                  as they lie in memory, each at a multiple of 64 bytes

It is written beside its place, synced, and renamed, so a file of that name is whole or damaged by
the disk; damage is found by the checksum. No pickle is involved, but for tensors that are not laid
out by strides (sparse, quantised): those are torch archives, only ever read with `weights_only`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netwright._errors import BadType, DamagedRun, must_be
from netwright.runs.files import replacing

__all__ = ["State", "read_snapshot", "to_host", "write_snapshot"]

State = dict[str, Any]

_MAGIC = b"NWSNAP02"
_HEAD = len(_MAGIC) + 32
_ALIGNED = 64
_PIECE = 4 << 20  # bytes hashed and written at a time: what was hashed is still in the cache
_AS_IT_IS = (bool, int, str, type(None))


def to_host(tensor: Tensor) -> Tensor:
    """A copy in host memory that shares nothing and is as dense as it can be."""
    return tensor.detach().to("cpu", copy=True).resolve_conj().resolve_neg()


def write_snapshot(
    file: Path, state: State, *, beforehand: Callable[[], None] | None = None
) -> None:
    """Write `state` to `file` whole or not at all.

    Args:
        file: where it is to be.
        state: plain data and tensors.
        beforehand: called when everything is on the disk, before it takes its name.

    Raises:
        DamagedRun: the disk is full or refuses; whatever was at `file` is still there.
        BadType: `state` holds something that could be written, but not safely read again.
    """
    contents = _Contents()
    index = json.dumps(contents.plain(state, place="state"), separators=(",", ":")).encode()
    with replacing(file) as temporary, temporary.open("wb", buffering=0) as out:
        writing = _Writing(out.fileno())
        out.write(bytes(_HEAD))
        writing.add(len(index).to_bytes(8, "little") + index)
        for memory in contents.memory:
            writing.align()
            writing.add(memory)
        out.seek(0)
        out.write(_MAGIC + writing.digest())
        os.fsync(out.fileno())
        if beforehand is not None:
            beforehand()


def read_snapshot(file: Path) -> State:
    """Read a snapshot; nothing in it is executed.

    Raises:
        DamagedRun: it can't be read, is cut short or altered.
    """
    try:
        content = bytearray(file.read_bytes())
    except OSError as error:
        raise DamagedRun(f"snapshot must be readable, got {error.strerror} for {file}.") from error
    rest = memoryview(content)[_HEAD:]
    if content[: len(_MAGIC)] != _MAGIC or (
        hashlib.sha256(rest).digest() != content[len(_MAGIC) : _HEAD]
    ):
        raise DamagedRun(f"snapshot must be whole, got a wrong checksum in {file}.")
    try:
        length = int.from_bytes(rest[:8], "little")
        index = json.loads(bytes(rest[8 : 8 + length]))
        state = _Reading(rest, start=_next_place(8 + length)).value(index)
        if not isinstance(state, dict):
            raise must_be("state", "a mapping", type(state).__name__)
    except Exception as error:  # whatever a foreign content leads to
        raise DamagedRun(f"snapshot must hold plain tensors, got {error!r} in {file}.") from error
    return state


def _next_place(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED


class _Writing:
    """Bytes on their way to a file, and their checksum."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._checksum = hashlib.sha256()
        self._length = 0

    def add(self, memory: bytes | memoryview) -> None:
        view = memoryview(memory)
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            self._checksum.update(piece)
            _write(self._descriptor, piece)
        self._length += len(view)

    def align(self) -> None:
        self.add(bytes(_next_place(self._length) - self._length))

    def digest(self) -> bytes:
        return self._checksum.digest()


def _write(descriptor: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


@dataclass
class _Contents:
    """Takes a state apart into what JSON can say and the memory of its tensors."""

    memory: list[memoryview] = field(default_factory=list)
    length: int = 0

    def plain(self, value: Any, *, place: str) -> Any:
        if type(value) in _AS_IT_IS or (type(value) is float and math.isfinite(value)):
            return value
        if isinstance(value, Mapping):
            items = [
                [self.plain(key, place=f"a key of {place}"),
                 self.plain(item, place=f"{place}[{key!r}]")]
                for key, item in value.items()
            ]  # fmt: skip
            return ["map", items]
        if type(value) in (list, tuple, torch.Size):
            items = [self.plain(one, place=f"{place}[{n}]") for n, one in enumerate(value)]
            return [_SEQUENCES[type(value)], items]
        if isinstance(value, Tensor):
            return self._tensor(to_host(value) if value.device.type != "cpu" else value.detach())
        for tag, (kind, write, _) in _TAGGED.items():
            if type(value) is kind:
                return [tag, write(value)]
        raise must_be(
            place,
            "a tensor, number, text, None, or a list, tuple or mapping of them",
            type(value).__name__,
            "It is kept in snapshots, which are read without executing anything.",
            error=BadType,
        )

    def _tensor(self, tensor: Tensor) -> Any:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            archive = io.BytesIO()
            torch.save(tensor, archive)
            return ["archive", *self._place(archive.getbuffer())]
        if not _is_alone(tensor):
            tensor = to_host(tensor)
        place = self._place(_memory(tensor))
        return ["tensor", *place, _name(tensor.dtype), list(tensor.shape), list(tensor.stride())]

    def _place(self, memory: memoryview) -> tuple[int, int]:
        """From the first tensor's place on: where this one lies, and how long it is."""
        start = self.length
        self.memory.append(memory)
        self.length = _next_place(start + len(memory))
        return start, len(memory)


def _is_alone(tensor: Tensor) -> bool:
    """Whether the tensor is its whole storage, so that the storage can stand for it."""
    return bool(
        tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        and tensor.storage_offset() == 0
        and not tensor.is_conj()
        and not tensor.is_neg()
    )


def _memory(tensor: Tensor) -> memoryview:
    storage = tensor.untyped_storage()
    if not storage.nbytes():
        return memoryview(b"")
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy().data


@dataclass(frozen=True)
class _Reading:
    """Puts a state together again."""

    content: memoryview
    start: int

    def value(self, said: Any) -> Any:
        if type(said) in _AS_IT_IS or type(said) is float:
            return said
        tag, *rest = said
        if tag == "map":
            return {self.value(key): self.value(item) for key, item in rest[0]}
        if tag in _MAKE_SEQUENCE:
            return _MAKE_SEQUENCE[tag](self.value(one) for one in rest[0])
        if tag == "tensor":
            return self._tensor(*rest)
        if tag == "archive":
            return _from_archive(self._memory(*rest))
        return _TAGGED[tag][2](rest[0])

    def _memory(self, start: int, length: int) -> memoryview:
        first = self.start + start
        if start < 0 or length < 0 or first + length > len(self.content):
            raise must_be("place", f"within {len(self.content)} bytes", [start, length])
        return self.content[first : first + length]

    def _tensor(
        self, start: int, length: int, name: str, shape: list[int], stride: list[int]
    ) -> Tensor:
        dtype = _dtype(name)
        if math.prod(shape) * dtype.itemsize != length or min([0, *shape, *stride]) < 0:
            raise must_be("shape", f"one of {length} bytes", shape)
        if not length:
            return torch.empty_strided(shape, stride, dtype=dtype)
        memory = torch.frombuffer(self._memory(start, length), dtype=dtype)
        return memory.as_strided(shape, stride).clone()


def _from_archive(memory: memoryview) -> Any:
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():  # type: ignore[no-untyped-call]
        # that a sparse tensor is checked with care is as it should be
        warnings.filterwarnings("ignore", message="Validating sparse tensor", category=UserWarning)
        return torch.load(io.BytesIO(memory), weights_only=True, map_location="cpu")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise must_be("dtype", "one of torch", name)
    return dtype


_SEQUENCES: dict[type, str] = {list: "list", tuple: "tuple", torch.Size: "size"}
_MAKE_SEQUENCE: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "tuple": tuple,
    "size": lambda items: torch.Size(list(items)),
}
_TAGGED: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float": (float, repr, float),
    "bytes": (bytes, lambda value: base64.b85encode(value).decode(), base64.b85decode),
    "dtype": (torch.dtype, _name, _dtype),
    "device": (torch.device, str, torch.device),
}
