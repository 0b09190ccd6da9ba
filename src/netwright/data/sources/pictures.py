"""Picture files of one size and colour, in memory where they fit and on disk where they don't."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from netwright._errors import BadData, unknown
from netwright.data.dataset import InMemory, Items, Samples, Skipped
from netwright.data.decode import Header, decode, fit_size, read_header, verify
from netwright.data.sources.faults import refuse_unless
from netwright.data.sources.pixel_cache import PixelCache, disk_cache, memory_cache

__all__ = ["PictureFiles", "Pictures", "read_pictures"]

FITS_IN_MEMORY = 2**30
"""Bytes of all pictures together up to which they are read once and kept."""

LARGEST_COMMON = 256
"""A size that all pictures share is kept up to this side; larger ones are brought to `USUAL`.

Where sizes differ, the median shorter side counts."""

USUAL = 224

T = TypeVar("T")


class PictureFiles(Items):
    """Pictures that stay files until they are asked for; goes to worker processes.

    Args:
        paths: of the files.
        channels: 1 or 3, of all of them once decoded.
        size: that `item` brings them to.
        sizes: (height, width) of each as it is.
        cache: keeps what was decoded.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        channels: int,
        size: tuple[int, int],
        sizes: Sequence[tuple[int, int]],
        cache: PixelCache | None = None,
    ) -> None:
        self.paths = tuple(paths)
        self.channels = channels
        self.size = size
        self.sizes = tuple(sizes)
        self._cache = cache

    def __len__(self) -> int:
        return len(self.paths)

    def __getstate__(self) -> dict[str, Any]:
        """A process that is not forked decodes for itself: it can't share what is kept."""
        return {**self.__dict__, "_cache": None}

    def item(self, index: int) -> Tensor:
        """One picture brought to the common size."""
        return fit_size(self.whole(index)[None], self.size)[0].contiguous()

    def whole(self, index: int) -> Tensor:
        """One picture as it is, not to be written to; its memory may be laid out as h w c."""
        kept = None if self._cache is None else self._cache.get(index)
        if kept is not None:
            return kept
        try:
            picture = decode(self.paths[index], channels=self.channels)
        except BadData as reason:
            raise BadData(
                f"images must be readable pictures, got {self.paths[index]} ({reason}). Mend it or "
                "take it out of the folder."
            ) from reason
        if self._cache is not None:
            self._cache.put(index, picture)
        return picture

    def with_cache(self, kind: str) -> PictureFiles:
        """The same pictures, which keep what was decoded; never another pixel.

        Args:
            kind: "memory", until the run ends, or "disk", until the machine is started again.
        """
        caches: Mapping[str, Callable[[], PixelCache]] = {
            "memory": lambda: memory_cache(self.sizes, channels=self.channels),
            "disk": lambda: disk_cache(self.paths, self.sizes, channels=self.channels),
        }
        if kind not in caches:
            raise unknown("cache", kind, caches)
        return PictureFiles(
            self.paths, channels=self.channels, size=self.size, sizes=self.sizes,
            cache=caches[kind](),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What was read: the pictures, which of the files they are, and what was left out."""

    samples: Samples
    kept: np.ndarray
    skipped: tuple[Skipped, ...]

    def only(self, keep: np.ndarray) -> Pictures:
        """Those where `keep`, one truth value for each of `samples`, is true."""
        if keep.all():
            return self
        places = np.flatnonzero(keep)
        samples: Samples
        if isinstance(self.samples, PictureFiles):
            samples = PictureFiles(
                [self.samples.paths[place] for place in places],
                channels=self.samples.channels,
                size=self.samples.size,
                sizes=[self.samples.sizes[place] for place in places],
            )
        else:
            samples = InMemory(self.samples.take(torch.from_numpy(places)))
        return Pictures(samples=samples, kept=self.kept[places], skipped=self.skipped)


def read_pictures(
    paths: Sequence[Path],
    labels: Sequence[str],
    *,
    image_size: tuple[int, int] | None,
    channels: int | None,
    skip_bad: bool,
) -> Pictures:
    """Bring picture files to uint8 (c, h, w) of one size.

    Without `image_size` the size that all share is kept up to 256; otherwise the
    median shorter side is taken, 224 at most.
    Without `channels` they are 1 where all files are grey and 3 where none is.

    Raises:
        BadData: unreadable files or mixed channels, unless `skip_bad` leaves them out; no file
            that can be read.
    """
    headers = _each(read_header, paths)
    faults = [Skipped(labels[at], str(why)) for at, why in enumerate(headers) if _bad(why)]
    good = {at: header for at, header in enumerate(headers) if isinstance(header, Header)}
    mixed: list[Skipped] = []
    if channels is None:
        channels, odd = _common_channels(good)
        mixed = [
            Skipped(labels[at], f"{_COLOUR[good.pop(at).channels]} among others") for at in odd
        ]
        refuse_unless(
            skip_bad,
            mixed,
            name="channels",
            rule="the same for all pictures (mixed channels)",
            fix="Pass channels=1 or channels=3 to convert",
        )
    kept = list(good)
    size = image_size or _common_size(list(good.values()))
    samples, whys = _load(
        [paths[at] for at in kept],
        channels=channels,
        size=size,
        sizes=[(good[at].height, good[at].width) for at in kept],
    )
    faults += [
        Skipped(labels[at], str(why)) for at, why in zip(kept, whys, strict=True) if _bad(why)
    ]
    refuse_unless(skip_bad, faults, name="images", rule="readable pictures")
    read_well = np.array([not _bad(why) for why in whys], dtype=bool)
    if not read_well.any():
        raise BadData(
            f"images must be readable pictures, got {len(paths)} files and none that can be read, "
            f"the first being {labels[0]}. Look whether they were copied whole."
        )
    read = Pictures(samples=samples, kept=np.array(kept, dtype=np.int64), skipped=(*faults, *mixed))
    return read.only(read_well)


_COLOUR = {1: "grey", 3: "colour"}


def _load(
    paths: Sequence[Path],
    *,
    channels: int,
    size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
) -> tuple[Samples, list[BadData | None]]:
    """The pictures, and for each why it could not be read."""
    if len(paths) * channels * size[0] * size[1] > FITS_IN_MEMORY:
        files = PictureFiles(
            [str(path) for path in paths], channels=channels, size=size, sizes=sizes
        )
        return files, _each(verify, paths)
    pixels = torch.empty((len(paths), channels, *size), dtype=torch.uint8)

    def read(place: int) -> None:
        pixels[place] = fit_size(decode(paths[place], channels=channels)[None], size)[0]

    return InMemory(pixels), _each(read, range(len(paths)))


def _common_channels(headers: dict[int, Header]) -> tuple[int, list[int]]:
    """The channels of most pictures, and the places of the others."""
    grey = [at for at, header in headers.items() if header.channels == 1]
    colour = [at for at, header in headers.items() if header.channels == 3]
    return (1, colour) if len(grey) > len(colour) else (3, grey)


def _common_size(headers: Sequence[Header]) -> tuple[int, int]:
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1:
        (size,) = sizes
        if max(size) <= LARGEST_COMMON:
            return size
    # nothing is gained by making most of them larger than they are
    shorter = sorted(min(header.height, header.width) for header in headers) or [USUAL]
    side = min(USUAL, shorter[len(shorter) // 2])
    return (side, side)


def _each(function: Callable[..., T], arguments: Sequence[object]) -> list[T | BadData]:
    """Call in threads (decoding lets go of the interpreter); a refusal stands in its place."""

    def attempt(argument: object) -> T | BadData:
        try:
            return function(argument)
        except BadData as refusal:
            return refusal

    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(attempt, arguments))


def _bad(answer: object) -> bool:
    return isinstance(answer, BadData)
