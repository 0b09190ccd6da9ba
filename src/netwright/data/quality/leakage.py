"""Examples that are judged by and were learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from netwright.data.dataset import Items, Samples
from netwright.data.sources.table import Table

__all__ = ["Leak", "find_leaks"]

_CHUNK = 1024


class Leak(NamedTuple):
    """Two examples of the same content in two splits."""

    split_a: str
    index_a: int
    split_b: str
    index_b: int


def find_leaks(samples: Samples, splits: Mapping[str, Tensor]) -> list[Leak]:
    """Exact duplicates of raw inputs across splits.

    When to use it: before believing a test score. Real sets hold a few natural duplicates, so what
    is found is a finding, not an error. One `Leak` is returned for each example of a later split
    and each earlier split that holds its like (the first of them there), so the list is no longer
    than the splits times the number of earlier ones. Targets are not looked at.

    Args:
        samples: raw inputs; those read one by one are all read once.
        splits: index of each split, in the order in which they are used.
    """
    leaks: list[Leak] = []
    seen: dict[str, dict[bytes, int]] = {}
    for name, index in splits.items():
        first: dict[bytes, int] = {}
        for place, digest in zip(index.tolist(), _digests(samples, index), strict=True):
            leaks += [
                Leak(earlier, known[digest], name, place)
                for earlier, known in seen.items()
                if digest in known
            ]
            first.setdefault(digest, place)
        seen[name] = first
    return leaks


def _digests(samples: Samples, index: Tensor) -> Iterator[bytes]:
    if isinstance(samples, Table):
        columns = [column.values for column in samples.columns]
        for place in index.tolist():
            row = repr([column[place] for column in columns])
            yield hashlib.blake2b(row.encode(), digest_size=16).digest()
        return
    chunk = 1 if isinstance(samples, Items) else _CHUNK  # items may differ in shape: never stacked
    for places in torch.split(index, chunk):
        rows = samples.take(places).cpu()
        if rows.is_floating_point():
            rows = rows + 0.0  # makes -0.0 and 0.0 the same bytes
        shape = repr(tuple(rows.shape[1:])).encode()
        for row in rows.reshape(len(rows), -1).view(torch.uint8).numpy():
            yield hashlib.blake2b(row.tobytes(), digest_size=16, key=shape[:64]).digest()
