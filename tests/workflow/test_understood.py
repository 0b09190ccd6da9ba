"""The line that says how the data were understood."""

from __future__ import annotations

import pytest

from netwright.workflow.understood import understood


def about(kind, names, **rest):
    usual = {
        "name": "some",
        "input_kind": "image",
        "input_shape": [3, 8, 9],
        "target": {"kind": kind, "names": names},
        "splits": {"train": {"n": 7}, "val": {"n": 2}},
        "skipped": [],
    }
    return usual | rest


@pytest.mark.parametrize(
    ("kind", "names", "said"),
    [
        ("binary", ["no", "yes"], "no or yes"),
        ("classes", ["a", "b", "c"], "3 classes (a, b, c)"),
        ("classes", list("abcde"), "5 classes (a, b, c, d, …)"),
        ("ordinal", ["1", "2", "3"], "3 ordered classes (1, 2, 3)"),
        ("multi-label", ["x", "y"], "2 labels (x, y)"),
        ("real", ["price"], "real: price"),
    ],
)
def test_every_kind_of_target_is_told(kind, names, said):
    assert understood(about(kind, names)) == (
        f"some: 9 pictures of 3×8×9 → {said}; train 7 · val 2"
    )


def test_what_was_left_out_is_counted():
    line = understood(about("real", ["y"], skipped=[{"what": "row 3", "why": "missing"}]))
    assert line.endswith("val 2; 1 left out")


def test_a_table_names_its_columns_and_what_they_become():
    table = about("real", ["y"], input_kind="table", input_shape=[21], columns=6)
    assert "9 rows of 6 columns (21 once encoded) → real: y" in understood(table)
