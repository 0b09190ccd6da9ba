"""The small data sets that come with scikit-learn."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netwright._errors import unknown
from netwright.data.dataset import Data, InMemory, InputKind, TargetKind
from netwright.data.sources.builtin_names import BUILTIN
from netwright.data.sources.table import Column, ColumnKind, Table
from netwright.data.sources.table_data import table_data
from netwright.data.sources.targets import class_target

__all__ = ["builtin"]


def builtin(
    name: str,
    *,
    target: str | list[str] | None = None,
    kind: TargetKind | None = None,
    kinds: Mapping[str, TargetKind] | None = None,
    group: str | None = None,
    time: str | None = None,
    skip_bad: bool = False,
) -> Data:
    """One of the small sets by name: `digits` are pictures, the others tables.

    The tables are read as a file would be: the target is the last column unless named.

    Raises:
        BadValue: no such set.
    """
    if name not in BUILTIN:
        raise unknown("data set", name, BUILTIN)
    loader, licence, origin = BUILTIN[name]
    if name == "digits":
        return _digits(kind=kind, licence=licence, origin=origin)
    import sklearn.datasets

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, loader)(**options)
    return table_data(
        _table(bunch),
        name=name,
        target=target,
        kind=kind,
        kinds=kinds,
        group=group,
        time=time,
        skip_bad=skip_bad,
        licence=licence,
        origin=origin,
    )


def _digits(*, kind: TargetKind | None, licence: str, origin: str) -> Data:
    """8 × 8 greys; the 17 levels 0..16 are spread over 0..255, as every uint8 picture has them."""
    rows = _digit_rows()
    levels = torch.from_numpy(rows[:, :-1]).reshape(-1, 1, 8, 8)
    return Data(
        name="digits",
        samples=InMemory((levels * (255 / 16)).round().to(torch.uint8)),
        input_kind=InputKind.IMAGE,
        target=class_target(
            rows[:, -1].astype(np.int64), [str(digit) for digit in range(10)], kind=kind
        ),
        labels=tuple(f"digits[{place}]" for place in range(len(levels))),
        licence=licence,
        origin=origin,
    )


def _digit_rows() -> NDArray[np.float64]:
    """(n, 65): 64 levels, then the digit.

    Read past scikit-learn where its file is found, as importing it takes longer than four passes of
    learning from them.
    """
    found = importlib.util.find_spec("sklearn")
    places = (found.submodule_search_locations if found is not None else None) or []
    for place in places:
        file = Path(place) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    return np.column_stack([bunch.data, bunch.target])


def _table(bunch: Any) -> Table:
    columns = [
        Column(str(name), ColumnKind.NUMBER, np.asarray(values, dtype=np.float64))
        for name, values in zip(bunch.feature_names, bunch.data.T, strict=True)
    ]
    names = bunch.get("target_names")
    if names is None:
        last = Column("progression", ColumnKind.NUMBER, bunch.target.astype(np.float64))
    else:
        words = np.array([str(word) for word in names], dtype=object)[bunch.target]
        last = Column("class", ColumnKind.WORD, words)
    return Table((*columns, last))
