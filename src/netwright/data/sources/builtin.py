"""The small data sets that come with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

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
    group: str | None = None,
    time: str | None = None,
    skip_bad: bool = False,
) -> Data:
    """One of the small sets by name: `digits` are pictures, the others tables.

    The tables are read as a file would be: the target is the last column unless named.

    Raises:
        BadValue: no such set.
    """
    import sklearn.datasets

    if name not in BUILTIN:
        raise unknown("data set", name, BUILTIN)
    loader, licence, origin = BUILTIN[name]
    if name == "digits":
        return _digits(kind=kind, licence=licence, origin=origin)
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, loader)(**options)
    return table_data(
        _table(bunch),
        name=name,
        target=target,
        kind=kind,
        group=group,
        time=time,
        skip_bad=skip_bad,
        licence=licence,
        origin=origin,
    )


def _digits(*, kind: TargetKind | None, licence: str, origin: str) -> Data:
    """8 × 8 greys; the 17 levels 0..16 are spread over 0..255, as every uint8 picture has them."""
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    levels = torch.from_numpy(bunch.images[:, None])
    return Data(
        name="digits",
        samples=InMemory((levels * (255 / 16)).round().to(torch.uint8)),
        input_kind=InputKind.IMAGE,
        target=class_target(bunch.target, [str(digit) for digit in range(10)], kind=kind),
        labels=tuple(f"digits[{place}]" for place in range(len(levels))),
        licence=licence,
        origin=origin,
    )


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
