"""Keywords of where data come from: tables, arrays, IDX files, Datasets, and the door to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from keyword_cases.case import Case, attempt
from keyword_cases.data import folders_of
from netwright.data.dataset import Data, Skipped, TargetKind
from netwright.data.open import open_data
from netwright.data.sources.arrays import Part, arrays_data, part_of
from netwright.data.sources.builtin import builtin
from netwright.data.sources.idx import idx_data
from netwright.data.sources.table_data import table_data
from netwright.data.sources.table_file import read_csv
from netwright.data.sources.torch_dataset import DatasetItems, dataset_data

ROWS = np.arange(40.0).reshape(10, 4)
GRADES = np.array([0, 1, 2, 1, 0, 2, 1, 0, 2, 1])
DAMAGED = np.where(ROWS == 5.0, np.nan, ROWS)
TABLE = "age,visits,clinic,day,grade\n" + "".join(
    f"{20 + row},{row * 2},{'abc'[row % 3]},{30 - row},{row % 3}\n" for row in range(12)
)


def all_of(data: Any) -> Any:
    """Everything that a data set says, its inputs included."""
    if not isinstance(data, Data):
        return data
    return (
        *(data.name, data.target, data.splits, data.groups, data.times, data.labels),
        *(data.skipped, data.licence, data.origin),
        attempt(data.samples.take, torch.arange(len(data))),
    )


def table_file(folder: Path, extra: str = "") -> Path:
    (folder / "clinics.csv").write_text(TABLE + extra)
    return folder / "clinics.csv"


def opened(folder: Path, **keyword: Any) -> list[Any]:
    """A whole table, and one with a row that is too short."""
    whole = all_of(open_data(table_file(folder), **keyword))
    return [whole, all_of(attempt(open_data, table_file(folder, "1,2\n"), **keyword))]


def from_table(folder: Path, **keyword: Any) -> list[Any]:
    """A whole table, and one with a row without target."""
    found = []
    for extra in ("", "50,3,a,1,\n"):
        rows = read_csv(table_file(folder, extra)).table
        found.append(all_of(attempt(table_data, rows, name="clinics", **keyword)))
    return found


def csv_read(folder: Path, **keyword: Any) -> list[Any]:
    return [attempt(read_csv, table_file(folder, "1,2\n"), **keyword)]


def from_arrays(_: Path, **keyword: Any) -> list[Any]:
    return [
        all_of(attempt(arrays_data, {"": Part(x=values, y=GRADES)}, **keyword))
        for values in (ROWS, DAMAGED)
    ]


def write_idx(path: Path, values: np.ndarray, code: str) -> None:
    number, kind = {"ubyte": (8, ">u1"), "double": (14, ">f8")}[code]
    header = bytes([0, 0, number, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(header + values.astype(kind).tobytes())


def from_idx(folder: Path, **keyword: Any) -> list[Any]:
    """Pictures with labels; and readings of which one is not a number."""
    found = []
    for name, code, values in (
        ("whole", "ubyte", np.arange(10 * 16).reshape(10, 4, 4)),
        ("damaged", "double", DAMAGED.reshape(10, 2, 2)),
    ):
        (folder / name).mkdir()
        write_idx(folder / name / f"train-images-idx3-{code}", values, code)
        write_idx(folder / name / "train-labels-idx1-ubyte", GRADES, "ubyte")
        found.append(all_of(attempt(idx_data, folder / name, **keyword)))
    return found


class Pictures(Dataset):
    """Ten pictures with targets, one of which may be missing."""

    def __init__(self, *, damaged: bool = False) -> None:
        self.damaged = damaged

    def __len__(self) -> int:
        return 10

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        value = torch.full((3, 8, 8), place / 10.0)
        value[:, 0, 0] = torch.tensor([0.1, 0.5, 0.9])
        return (value * float("nan") if self.damaged and place == 4 else value), place % 3


def from_dataset(_: Path, **keyword: Any) -> list[Any]:
    return [
        all_of(attempt(dataset_data, {"": Pictures(damaged=damaged)}, **keyword))
        for damaged in (False, True)
    ]


def dataset_items(_: Path, **keyword: Any) -> Any:
    return DatasetItems(Pictures(), np.arange(3), **keyword).take(torch.arange(3))


TABLE_KEYWORDS = {
    "target": "age",
    "kind": TargetKind.REAL,
    "group": "clinic",
    "time": "day",
    "skip_bad": True,
}
CASES = {
    "netwright.data.open:open_data": (
        Case(opened, {"name": "another", **TABLE_KEYWORDS}),
        Case(
            folders_of(open_data, "cat", "dog"),
            {"image_size": 5, "channels": 1, "kind": "ordinal", "skip_bad": True},
        ),
        Case(
            lambda _, **keyword: all_of(open_data((ROWS, GRADES), **keyword)),
            {"group": [0] * 5 + [1] * 5, "time": list(range(10)), "kind": "real"},
        ),
    ),
    "netwright.data.sources.arrays:arrays_data": Case(
        from_arrays,
        {
            "kind": TargetKind.REAL,
            "kinds": {"target": TargetKind.REAL},
            "group": [0] * 5 + [1] * 5,
            "time": list(range(10)),
            "skip_bad": True,
        },
    ),
    "netwright.data.sources.arrays:part_of": Case(
        lambda _, **keyword: part_of((ROWS, GRADES), **keyword), {"what": "train x"}
    ),
    "netwright.data.sources.builtin:builtin": Case(
        lambda _, **keyword: all_of(builtin("iris", **keyword)),
        {
            "target": "petal width (cm)",
            "kind": TargetKind.ORDINAL,
            "kinds": {"species": TargetKind.ORDINAL},
            "group": "petal width (cm)",
            "time": "petal width (cm)",
        },
    ),
    "netwright.data.sources.idx:idx_data": Case(
        from_idx, {"kind": TargetKind.ORDINAL, "skip_bad": True}
    ),
    "netwright.data.sources.table_data:table_data": (
        Case(from_table, {**TABLE_KEYWORDS, "licence": "CC0", "origin": "a clinic"}),
        Case(
            lambda folder, **keyword: all_of(
                table_data(read_csv(table_file(folder)).table, name="clinics", **keyword)
            ),
            {
                "kinds": {"length": TargetKind.BINS},
                "numbers": np.arange(100, 112),
                "skipped": (Skipped("row 3", "too short"),),
            },
        ),
    ),
    "netwright.data.sources.table_file:read_csv": Case(csv_read, {"skip_bad": True}),
    "netwright.data.sources.torch_dataset:DatasetItems": Case(
        dataset_items, {"image_size": (5, 5), "channels": 1}
    ),
    "netwright.data.sources.torch_dataset:dataset_data": Case(
        from_dataset,
        {
            "kind": TargetKind.ORDINAL,
            "image_size": (5, 5),
            "channels": 1,
            "skip_bad": True,
        },
    ),
}
EXEMPT = {
    "netwright.data.sources.several:several_targets(kinds)": "tests/data/test_sources_several.py "
    "gives some tasks a kind and refuses what is no task",
    "netwright.data.sources.builtin:builtin(skip_bad)": "no row of a built-in set is bad; handed "
    "on to table_data, where it is tested",
}
