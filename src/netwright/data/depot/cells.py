"""Cells under the microscope with a number for each, in seven styles."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import SourcePackage

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "scellseg-0.1.8/scellseg/assets/contrast_data"


def from_package(payload: Path, made: Path) -> None:
    """images/STYLE/NAME.png and masks/STYLE/NAME.png, 0 where there is no cell."""
    for style in sorted(path for path in (payload / _FOLDER).iterdir() if path.is_dir()):
        for folder, suffix in (("images", "_img"), ("masks", "_masks")):
            (made / folder / style.name).mkdir(parents=True)
            for path in sorted(style.glob(f"*{suffix}.png")):
                name = path.name.replace(suffix, "")
                shutil.copyfile(path, made / folder / style.name / name)


_PAYLOAD = "2552e0bca4e0b4c6ae6646b31006ac4c94c9b919d0b9cdc8f778bc61a4ea37b4"

ENTRIES = (
    DepotEntry(
        name="cells",
        kind=Kind.DATA,
        summary="35 microscope pictures, 7 styles, with a numbered mask of every cell",
        licence="BSD-3-Clause (Zhejiang University); parts of Cellpose: the same, HHMI",
        origin="Scellseg: D. Shi et al., Zhejiang University (2021)",
        megabytes=101.6,
        routes=(
            Route(
                carriers=(
                    SourcePackage(
                        "scellseg",
                        "0.1.8",
                        "084c5f1b12d0d97f0c3d0880ae579c1b7c4f7dea2203486bd11ba4c640a92d3c",
                        keep=(f"{_FOLDER}/*.png",),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
