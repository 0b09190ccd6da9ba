"""Checksums of files, folders and contents."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["content_digest", "differences", "file_digest", "folder_digest", "payload_digest"]


def file_digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(path: Path) -> str:
    """One sha256 for every file below a folder, its relative path included."""
    files = sorted((file.relative_to(path).as_posix(), file) for file in _files(path))
    lines = "".join(f"{file_digest(file)}  {relative}\n" for relative, file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def payload_digest(path: Path) -> str:
    """The digest of a file, or of a folder."""
    return folder_digest(path) if path.is_dir() else file_digest(path)


def content_digest(path: Path) -> str:
    """The sha256 of what a prepared file says, whatever the library version that wrote it.

    Compressed files count by what they unpack to, weights by their tensors.
    """
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return _tensors_digest(path) if path.suffix == ".safetensors" else file_digest(path)


def differences(
    root: Path, expected: Mapping[str, str], *, digest: Callable[[Path], str]
) -> list[str]:
    """What under `root` is not there or does not have the digest it must have."""
    found = []
    for relative, wanted in expected.items():
        path = root / relative
        if not path.exists():
            found.append(f"{relative} is not there")
        elif (got := digest(path)) != wanted:
            found.append(f"{relative} has sha256 {got[:12]}… where {wanted[:12]}… was expected")
    return found


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()]


def _tensors_digest(path: Path) -> str:
    from safetensors import safe_open

    digest = hashlib.sha256()
    with safe_open(path, framework="numpy") as tensors:
        for name in sorted(tensors.keys()):
            values = tensors.get_tensor(name)
            digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
            digest.update(values.tobytes())
    return digest.hexdigest()
