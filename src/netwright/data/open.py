"""One door to every kind of data set."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from netwright._errors import BadData, BadType, must_be, unknown
from netwright.data.dataset import Data, InMemory, InputKind, TargetKind

__all__ = ["open_data"]

TABLES = {".csv", ".tsv", ".parquet", ".pq"}
FETCHED = frozenset(
    {"mnist", "fashion-mnist", "cifar10", "traffic-lights", "chest-x-ray", "elpv", "emoji"}
)
"""What `netwright data get` brings that is pictures with classes."""

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    target: str | Sequence[str] | None
    kind: TargetKind | None
    kinds: Mapping[str, TargetKind]
    image_size: tuple[int, int] | None
    channels: int | None
    group: Any
    time: Any
    skip_bad: bool

    def of_pictures(self) -> dict[str, Any]:
        """What a reader of picture files takes."""
        self.refuse("pictures with one class each", kinds=self.kinds or None)
        return {
            "kind": self.kind,
            "image_size": self.image_size,
            "channels": self.channels,
            "skip_bad": self.skip_bad,
        }

    def of_tables(self) -> dict[str, Any]:
        """What a reader of tables takes."""
        self.refuse("a table", image_size=self.image_size, channels=self.channels)
        for what, value in (("group", self.group), ("time", self.time)):
            if value is not None and not isinstance(value, str):
                raise must_be(what, "the name of a column of the table", value, error=BadType)
        return {
            "target": self.target,
            "kind": self.kind,
            "kinds": self.kinds,
            "group": self.group,
            "time": self.time,
            "skip_bad": self.skip_bad,
        }

    def refuse(self, of: str, **options: Any) -> None:
        """Options that mean nothing for this kind of data are refused, not passed over."""
        for what, value in options.items():
            if value is not None:
                raise must_be(what, f"left out for {of}", value)


def open_data(
    spec: Any,
    *,
    name: str | None = None,
    target: str | Sequence[str] | None = None,
    kind: TargetKind | str | Mapping[str, TargetKind | str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    group: str | Sequence[Any] | Callable[[str], Any] | None = None,
    time: str | Sequence[float] | Callable[[str], float] | None = None,
    skip_bad: bool = False,
) -> Data:
    """Open a data set, whatever form it has.

    Args:
        spec: the name of a built-in set (digits, iris, wine, breast-cancer, diabetes) or of one
            that `netwright data get` brought; a folder of pictures (a folder a class, or train,
            val and test of them, or domains of them) or of IDX files; a CSV or Parquet file; a
            pandas frame; arrays or tensors x or (x, y), or a mapping of splits to such pairs, where
            y may be a mapping of tasks to targets of unlike kinds; a map-style Dataset, or a
            mapping of splits to Datasets.
        name: of the data set; from the spec where None.
        target: for tables, the column asked for, or several as a list or separated by commas; the
            last one where None.
        kind: what the target is, where its values should not decide; "none" for inputs alone,
            "several" for target columns that are a task each, of whatever kind; a mapping of such
            tasks to their kinds is several too.
        image_size: side, or (height, width), that pictures are resized and cut to.
        channels: 1 or 3, for pictures to be turned into grey or RGB.
        group: examples of one group are not divided between splits. For tables a column, for
            arrays one value an example, otherwise a function of the example's label (file name).
        time: when an example was, in the same forms.
        skip_bad: leave out examples that can't be used and record them, instead of refusing.

    Raises:
        BadData: something in the data can't be learned from; all offenders are named.
        BadValue: no such data set, or an argument that doesn't fit it.
        BadType: a spec of another type.

    Example:
        >>> data = open_data("iris")
        >>> len(data), data.target.names
        (150, ('setosa', 'versicolor', 'virginica'))
    """
    wishes = _Wishes(
        target=target,
        kind=TargetKind.SEVERAL if isinstance(kind, Mapping) else _kind(kind),
        kinds={name: _of_task(one) for name, one in kind.items()}
        if isinstance(kind, Mapping)
        else {},
        image_size=_size(image_size),
        channels=_channels(channels),
        group=group,
        time=time,
        skip_bad=skip_bad,
    )
    data = _open(spec, wishes)
    return data if name is None else replace(data, name=name)


def _open(spec: Any, wishes: _Wishes) -> Data:
    if isinstance(spec, (str, Path)):
        return _open_named(spec, wishes)
    if isinstance(spec, (DataLoader, IterableDataset)):
        raise BadType(
            f"data must be something that can be read by index, got a {type(spec).__name__}. "
            + (
                "Give its dataset, or give the loader itself to fit, which takes its batches."
                if isinstance(spec, DataLoader)
                else "Wrap it in a DataLoader and give that to fit."
            )
        )
    if _is_frame(spec):
        from netwright.data.sources.table_data import table_data
        from netwright.data.sources.table_file import frame_columns

        rows = frame_columns(spec)
        return table_data(rows.table, name="table", **wishes.of_tables(), origin="a pandas frame")
    wishes.refuse("data that is no table", target=wishes.target)
    parts = _by_split(spec) if isinstance(spec, Mapping) else {"": spec}
    if all(isinstance(part, TensorDataset) for part in parts.values()):
        parts = {split: part.tensors for split, part in parts.items()}
    if all(isinstance(part, Dataset) for part in parts.values()):
        from netwright.data.sources.torch_dataset import dataset_data

        return _annotated(dataset_data(parts, **wishes.of_pictures()), wishes)
    return _open_arrays(parts, wishes)


def _open_arrays(parts: Mapping[str, Any], wishes: _Wishes) -> Data:
    from netwright.data.sources.arrays import arrays_data, part_of

    given = {
        split: part_of(part, what=f"{split} x".strip() if split else "x")
        for split, part in parts.items()
    }
    for what, value in (("group", wishes.group), ("time", wishes.time)):
        if isinstance(value, str) or callable(value):
            raise must_be(what, "one value for each example of arrays", value, error=BadType)
    data = arrays_data(
        given,
        kind=wishes.kind,
        kinds=wishes.kinds,
        group=wishes.group,
        time=wishes.time,
        skip_bad=wishes.skip_bad,
    )
    return _fitted(data, wishes)


def _open_named(spec: str | Path, wishes: _Wishes) -> Data:
    from netwright.data.sources.builtin import builtin
    from netwright.data.sources.builtin_names import BUILTIN

    if spec in BUILTIN:
        if spec != "digits":
            return builtin(str(spec), **wishes.of_tables())
        wishes.refuse("digits", target=wishes.target, kinds=wishes.kinds or None)
        return _annotated(_fitted(builtin("digits", kind=wishes.kind), wishes), wishes)
    path = Path(spec).expanduser()
    from netwright.data.depot import names

    if isinstance(spec, str) and spec in names():
        return _open_fetched(spec, wishes)
    if path.exists():
        return _open_path(path, wishes)
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    known = [*BUILTIN, *FETCHED, *(name for name in beside if not name.startswith("."))]
    near = difflib.get_close_matches(path.name, known, n=3, cutoff=0.5)
    raise must_be(
        "data",
        "a built-in set, a fetched one or a path to what is there",
        str(spec),
        (f"Did you mean {', '.join(near)}? " if near else "")
        + f"There is nothing at {path.absolute()}; built in are {', '.join(BUILTIN)}.",
    )


def _open_fetched(name: str, wishes: _Wishes) -> Data:
    from netwright.data.depot import entry, prepared

    folder = prepared(name)
    if folder is None:
        raise must_be(
            "data", "fetched before it is opened", name, f"Run: netwright data get {name}"
        )
    if name not in FETCHED:
        raise must_be(
            "data",
            f"examples with classes ({', '.join(sorted(FETCHED))})",
            name,
            f"Its files are in {folder}.",
        )
    item = entry(name)
    data = _open_path(folder, wishes)
    return replace(data, name=name, licence=item.licence, origin=item.origin)


def _open_path(path: Path, wishes: _Wishes) -> Data:
    from netwright.data.sources.idx import idx_data, is_idx

    if path.is_file() and path.suffix.lower() in TABLES:
        return _open_table(path, wishes)
    wishes.refuse("data that is no table", target=wishes.target, kinds=wishes.kinds or None)
    if is_idx(path):
        read = idx_data(path, kind=wishes.kind, skip_bad=wishes.skip_bad)
        return _annotated(_fitted(read, wishes), wishes)
    if path.is_dir():
        return _annotated(_open_folder(path.resolve(), wishes), wishes)
    raise must_be(
        "data",
        "a folder, a CSV or Parquet file (.csv .tsv .parquet .pq) or an IDX file of images",
        str(path),
        "Rename it if it is one of these.",
    )


def _open_table(path: Path, wishes: _Wishes) -> Data:
    from netwright.data.sources.table_data import table_data
    from netwright.data.sources.table_file import read_csv, read_parquet

    text = path.suffix.lower() in (".csv", ".tsv")
    rows = read_csv(path, skip_bad=wishes.skip_bad) if text else read_parquet(path)
    return table_data(
        rows.table,
        name=path.stem,
        **wishes.of_tables(),
        numbers=rows.numbers,
        skipped=rows.skipped,
        origin=f"the file {path.name}",
    )


def _open_folder(folder: Path, wishes: _Wishes) -> Data:
    from netwright.data.sources.domains import domain_folders, is_domains
    from netwright.data.sources.image_folder import image_folder, is_divided, unlabelled_folder

    if wishes.kind is TargetKind.NONE:
        return unlabelled_folder(
            folder,
            image_size=wishes.image_size,
            channels=wishes.channels,
            skip_bad=wishes.skip_bad,
        )
    if not is_divided(folder) and is_domains(folder):
        return domain_folders(folder, **wishes.of_pictures())
    return image_folder(folder, **wishes.of_pictures())


def _fitted(data: Data, wishes: _Wishes) -> Data:
    """Bring pictures in memory to the size and channels asked for."""
    if wishes.image_size is None and wishes.channels is None:
        return data
    if data.input_kind is not InputKind.IMAGE or not isinstance(data.samples, InMemory):
        wishes.refuse(
            f"inputs that are no pictures ({data.input_kind})",
            image_size=wishes.image_size,
            channels=wishes.channels,
        )
        return data
    from netwright.data.decode import fit_channels, fit_size

    pictures = data.samples.values
    if wishes.channels is not None:
        pictures = fit_channels(pictures, wishes.channels)
    if wishes.image_size is not None:
        pictures = fit_size(pictures, wishes.image_size)
    return replace(data, samples=InMemory(pictures))


def _annotated(data: Data, wishes: _Wishes) -> Data:
    """Groups and times as functions of the labels."""
    for what, value in (("group", wishes.group), ("time", wishes.time)):
        if value is not None and not callable(value):
            raise must_be(what, "a function of an example's label (file name) for this data", value)
    if wishes.group is not None:
        found = np.array([str(wishes.group(label)) for label in data.labels])
        codes = np.unique(found, return_inverse=True)[1].reshape(-1)
        data = replace(data, groups=torch.from_numpy(codes.astype(np.int64)))
    if wishes.time is not None:
        times = [float(wishes.time(label)) for label in data.labels]
        data = replace(data, times=torch.tensor(times, dtype=torch.float64))
    return data


def _by_split(spec: Mapping[Any, Any]) -> dict[str, Any]:
    for key in spec:
        if key not in SPLITS:
            raise unknown("split", str(key), SPLITS)
    parts = {SPLITS[key]: part for key, part in spec.items()}
    if len(parts) < len(spec) or not parts:
        raise must_be("splits", "train, val and test, once each", list(spec), error=BadData)
    return parts


def _is_frame(spec: Any) -> bool:
    """Whether it is a pandas frame; where pandas was never loaded nothing is."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(spec, pandas.DataFrame)


def _kind(kind: TargetKind | str | None) -> TargetKind | None:
    if kind is None or isinstance(kind, TargetKind):
        return kind
    if kind not in set(TargetKind):
        raise unknown("kind", str(kind), [str(known) for known in TargetKind])
    return TargetKind(kind)


def _of_task(kind: TargetKind | str) -> TargetKind:
    found = _kind(kind)
    if found is None or found in (TargetKind.NONE, TargetKind.SEVERAL):
        raise must_be("kind", "that of one target for each task", kind)
    return found


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or any(not isinstance(side, int) or side < 1 for side in pair):
        raise must_be("image_size", "a side of at least 1 or (height, width)", size)
    return pair[0], pair[1]


def _channels(channels: int | None) -> int | None:
    if channels not in (None, 1, 3):
        raise must_be("channels", "1 (grey) or 3 (RGB)", channels)
    return channels
