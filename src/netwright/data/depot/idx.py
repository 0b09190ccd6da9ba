"""The IDX format of MNIST: a shape and raw values."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["compress", "write_classes", "write_idx"]

UNSIGNED_BYTES = 0x08


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write an array of bytes as a compressed IDX file."""
    header = struct.pack(">HBB", 0, UNSIGNED_BYTES, values.ndim)
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    compress(path, header + shape + values.tobytes())


def compress(path: Path, content: bytes) -> None:
    """Write a .gz that holds no date or name; quick rather than small."""
    path.write_bytes(gzip.compress(content, compresslevel=3, mtime=0))


def write_classes(folder: Path, classes: Sequence[str]) -> None:
    """Write classes.txt, one name a line in the order of their numbers."""
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
