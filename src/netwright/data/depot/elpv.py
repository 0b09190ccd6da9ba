"""Photographs of solar cells in light of their own, functional or defective, in two makes."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import PythonPackage

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "elpv_dataset/data"
# The experts' probability of a defect takes four values; its authors call it defective from here.
DEFECTIVE_FROM = 0.5


def from_package(payload: Path, made: Path) -> None:
    """Folders by make and class; labels.csv keeps the experts' four degrees."""
    lines = ["file,make,defect_probability"]
    for line in (payload / _FOLDER / "labels.csv").read_text().splitlines():
        path, probability, make = line.split()
        name = "defective" if float(probability) >= DEFECTIVE_FROM else "functional"
        target = made / make / name / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(payload / _FOLDER / path, target)
        lines.append(f"{target.relative_to(made).as_posix()},{make},{float(probability):.4f}")
    (made / "labels.csv").write_text("\n".join(lines) + "\n")


_PAYLOAD = "cb0ac9151abad2e46fecfb4a01a6416f7417e32dd63333e41a4da1509c1a3c19"

ENTRIES = (
    DepotEntry(
        name="elpv",
        kind=Kind.DATA,
        summary="solar cells, 300x300 grey, 2624, functional or defective, domains mono and poly",
        licence="CC-BY-NC-SA-4.0: NOT for commercial use",
        origin="ZAE Bayern: C. Buerhop-Lutz, S. Deitsch et al. (2018)",
        megabytes=90.8,
        routes=(
            Route(
                carriers=(
                    PythonPackage(
                        "elpv-dataset",
                        "1.0.0.post1",
                        "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c",
                        keep=(f"{_FOLDER}/*.png", f"{_FOLDER}/labels.csv"),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
