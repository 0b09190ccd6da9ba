"""Downloads from a set's own home, by torchvision."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from netwright.data.depot.entry import Carrier, NotFetched

__all__ = ["OwnSource", "torchvision_archive", "torchvision_set", "torchvision_weights"]

SILENCE_SECONDS = 15.0

Download = Callable[[Path], None]


@dataclass(frozen=True)
class OwnSource(Carrier):
    """What torchvision knows how to download.

    Attributes:
        what: in words, for the list of routes.
        download: puts it into a folder.
        into: see `Carrier`.
    """

    what: str
    download: Download
    into: str = ""

    @property
    def label(self) -> str:
        """Who downloads what."""
        return f"torchvision's download of {self.what}"

    def bring(self, folder: Path) -> None:
        """Download with a short patience; what torchvision prints is kept off the screen."""
        try:
            with _patience(SILENCE_SECONDS), _silence():
                self.download(folder)
        except (OSError, RuntimeError) as error:
            # torchvision raises RuntimeError for a bad checksum and for a list of dead mirrors.
            raise NotFetched(str(error).strip().splitlines()[0] or type(error).__name__) from error


def torchvision_set(name: str) -> Download:
    """The raw files of an MNIST-like set of torchvision."""

    def download(folder: Path) -> None:
        import torchvision.datasets

        getattr(torchvision.datasets, name)(root=str(folder), download=True)

    return download


def torchvision_archive(name: str) -> Download:
    """The archive of a set of torchvision, unpacked but not read (it may hold pickles)."""

    def download(folder: Path) -> None:
        import torchvision.datasets
        from torchvision.datasets.utils import download_and_extract_archive

        known = getattr(torchvision.datasets, name)
        download_and_extract_archive(
            known.url, str(folder), md5=known.tgz_md5, remove_finished=True
        )

    return download


def torchvision_weights(name: str) -> Download:
    """The file of a torchvision weight, by the weight's own name."""

    def download(folder: Path) -> None:
        import torch.hub
        from torchvision.models import get_weight

        url = get_weight(name).url
        file = url.rsplit("/", 1)[-1]
        prefix = file.rsplit("-", 1)[-1].removesuffix(".pth")
        torch.hub.download_url_to_file(url, str(folder / file), hash_prefix=prefix, progress=False)

    return download


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)  # torchvision's downloads take no timeout of their own
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
