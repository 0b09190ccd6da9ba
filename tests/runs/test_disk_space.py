"""Disk space as people write it, and back."""

from __future__ import annotations

import pytest

from netwright._errors import BadValue
from netwright.runs.disk_space import parse_space, say_space


@pytest.mark.parametrize(
    ("text", "size"),
    [("2 GB", 2 * 10**9), ("500mb", 5 * 10**8), (" 0.5 kB ", 500), ("7 B", 7), ("1. TB", 10**12)],
)
def test_amounts_are_read(text, size):
    assert parse_space(text) == size


@pytest.mark.parametrize("text", ["", "2", "-1 GB", "GB", "2 GiB", "two GB", "1e3 MB"])
def test_other_words_are_refused(text):
    with pytest.raises(BadValue, match="a number with a unit"):
        parse_space(text)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (2_345_678_901, "2.35 GB")]
)
def test_amounts_are_said(size, text):
    assert say_space(size) == text
