"""Dates among the inputs of a table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadData
from netwright.data.open import open_data
from netwright.data.sources.dates import dates_as_days
from netwright.data.sources.table import Table, TableEncoder, column_of


def days(*words):
    (column,) = dates_as_days(Table([column_of("when", words)])).columns
    return column


def test_dates_become_days_since_1970_and_times_parts_of_them():
    column = days("1970-01-02", None, "1970-01-01T12:00", "2000-03-01 06:00:00+06:00")
    expected = [1, np.nan, 0.5, float(np.datetime64("2000-03-01").astype(int))]
    np.testing.assert_array_equal(column.values, expected)


@pytest.mark.parametrize("words", [("20240131",), ("2024-01-31", "soon"), ("2024-13-01",), ("ab",)])
def test_other_words_stay_words(words):
    assert not days(*words).numeric


def test_later_dates_than_those_learned_from_are_told_apart(tmp_path):
    file = tmp_path / "sales.csv"
    rows = [f"2024-01-{day:02},{day % 2}" for day in range(1, 29)]
    file.write_text("\n".join(["when,sold", *rows]))
    table = open_data(file).samples

    encoder = TableEncoder.fit(table, torch.arange(20))
    encoded = encoder.encode(table)[:, 0]
    assert encoder.feature_names == ("when",)
    assert torch.equal(encoded.diff(), torch.ones(27))


def test_a_word_among_the_dates_of_a_new_file_is_named(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("when,sold\n2024-01-01,1\n2024-01-02,0\n")

    encoder = TableEncoder.fit(open_data(file).samples, torch.arange(2))
    file.write_text("when\n2024-01-03\nsoon\n")
    with pytest.raises(BadData, match="soon"):
        encoder.encode(open_data(file, kind="none").samples)
