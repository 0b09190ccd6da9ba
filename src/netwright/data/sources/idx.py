"""IDX files, the format of MNIST and its kin."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from netwright._errors import BadData
from netwright.data.dataset import Data, TargetKind
from netwright.data.sources.arrays import Part, arrays_data
from netwright.data.sources.targets import class_target

__all__ = ["idx_data", "is_idx", "read_idx"]

TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
IMAGES = re.compile(r"^(?P<stem>.*?)[-_.]?images?[-_.]idx\d[-_.]u?\w+(\.gz)?$", re.IGNORECASE)
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val"} | {
    "test": "test",
    "t10k": "test",
}


def is_idx(path: Path) -> bool:
    """Whether the file is one of IDX images, or the folder holds one."""
    return bool(_image_files(path))


def idx_data(path: Path, *, kind: TargetKind | None = None, skip_bad: bool = False) -> Data:
    """Read a folder of image and label files, or one image file with its label file beside it.

    Files are paired by what stands before `images` and `labels`; it names the split (train, val,
    test or t10k), and a lone pair may be called anything. A `classes.txt` beside them, one name a
    line, names the classes 0, 1, 2 ...

    Raises:
        BadData: a damaged file, images without labels, files that name no split.
    """
    files = _image_files(path)
    folder = path if path.is_dir() else path.parent
    parts: dict[str, Part] = {}
    for file in files:
        split = "" if path.is_file() else _split(file, alone=len(files) == 1)
        if split in parts:
            raise BadData(f"{folder} must be one pair of files a split, got two for {split!r}.")
        labels = None if kind is TargetKind.NONE else read_idx(_labels_beside(file))
        stem = re.sub(r"[-_.]idx.*$", "", file.name)
        images = read_idx(file)
        if images.ndim == 4:  # the format's way: (n, h, w, c)
            images = np.ascontiguousarray(np.moveaxis(images, -1, 1))
        parts[split] = Part(x=images, y=labels, what=stem)
    order = [split for split in ("train", "val", "test", "") if split in parts]
    data = arrays_data({split: parts[split] for split in order}, kind=kind, skip_bad=skip_bad)
    named = folder / "classes.txt"
    if named.is_file() and data.target.kind is not TargetKind.NONE:
        data = _with_names(data, named, kind=kind)
    name = re.sub(r"[-_.]?images?$", "", stem) if path.is_file() else folder.name
    return replace(data, name=name or folder.name, origin=f"the IDX files of {folder.name}")


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, gzipped or not, in the machine's byte order.

    Raises:
        BadData: not an IDX file, or cut short.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise BadData(f"{path} must be a whole file, got: {error}. Get it again.") from error
    known = len(content) >= 4 and content[:2] == b"\0\0" and content[2] in TYPES
    if not known or not content[3]:
        raise BadData(
            f"{path} must be an IDX file (bytes 0, 0, type, dimensions), got it beginning with "
            f"{list(content[:4])}. Check that it is what its name says."
        )
    kind, dimensions = TYPES[content[2]], content[3]
    start = 4 + 4 * dimensions
    shape = (
        tuple(np.frombuffer(content[4:start], dtype=">u4").astype(int))
        if len(content) >= start
        else (0,)
    )
    expected = start + int(np.prod(shape)) * kind.itemsize
    if len(content) != expected or len(content) < start:
        raise BadData(
            f"{path} must be {expected} bytes long for its shape {[int(s) for s in shape]}, got "
            f"{len(content)}. It was cut short or is damaged; get it again."
        )
    values = np.frombuffer(content, dtype=kind, offset=start).reshape(shape)
    return np.array(values, dtype=kind.newbyteorder("="))  # a copy: what lies in bytes is read-only


def _image_files(path: Path) -> list[Path]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and IMAGES.match(file.name)]


def _split(file: Path, *, alone: bool) -> str:
    match = IMAGES.match(file.name)
    word = re.split(r"[-_.]", match["stem"].lower())[-1] if match else ""
    if word not in SPLITS and not alone:
        raise BadData(
            f"{file} must name its split (train, val, test or t10k) before 'images', got "
            f"{file.name!r} beside others. Rename it, or give the file itself."
        )
    return SPLITS.get(word, "")


def _labels_beside(file: Path) -> Path:
    match = IMAGES.match(file.name)
    stem = match["stem"] if match else ""
    pattern = re.compile(
        rf"^{re.escape(stem)}[-_.]?labels?[-_.]idx\d[-_.]u?\w+(\.gz)?$", re.IGNORECASE
    )
    found = [other for other in sorted(file.parent.iterdir()) if pattern.match(other.name)]
    if not found:
        raise BadData(
            f"{file} must have its labels beside it, got no {stem or '...'}-labels-idx1-ubyte in "
            f"{file.parent}. Put them there, or pass kind='none' to read without targets."
        )
    return found[0]


def _with_names(data: Data, named: Path, *, kind: TargetKind | None) -> Data:
    names = [line.strip() for line in named.read_text(encoding="utf-8").splitlines()]
    names = [name for name in names if name]
    if data.target.values is None or data.target.kind not in _NAMED:
        return data
    numbers = np.array([int(name) for name in data.target.names])
    if numbers.max() >= len(names) or numbers.min() < 0:
        raise BadData(
            f"{named} must be a name for each class, got {len(names)} names for labels "
            f"{numbers.min()} to {numbers.max()}. Write one name a line."
        )
    codes = numbers[data.target.values.numpy()]
    target = class_target(codes, names, kind=None if kind is TargetKind.ORDINAL else kind)
    return replace(data, target=replace(target, kind=kind or target.kind))


_NAMED = {TargetKind.BINARY, TargetKind.CLASSES, TargetKind.ORDINAL}
