"""Names, files and what third parties add."""

from __future__ import annotations

import pytest

from netwright import _catalogue
from netwright._catalogue import Catalogue, Entry, load_target
from netwright._errors import BadValue


def test_a_file_that_failed_is_not_half_there_the_next_time(tmp_path):
    file = tmp_path / "unfinished.py"
    file.write_text("first = 1\nraise RuntimeError('told')\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="told"):
            load_target(f"{file}:first")
    file.write_text("first = 2\n")
    assert load_target(f"{file}:first") == 2


def test_a_name_that_a_file_lacks_is_said(tmp_path):
    file = tmp_path / "small.py"
    file.write_text("here = 1\n")
    with pytest.raises(BadValue, match="Known: here"):
        load_target(f"{file}:absent")


@pytest.mark.parametrize(
    ("kind", "group"), [("model", "netwright.models"), ("output unit", "netwright.output_units")]
)
def test_third_parties_add_to_a_group_that_can_be_declared(monkeypatch, kind, group):
    asked = []

    def declared(*, group):
        asked.append(group)
        return ()

    monkeypatch.setattr(_catalogue, "entry_points", declared)
    assert "other" not in Catalogue(kind, (Entry(name="own", target="a:b", summary="one"),))
    assert asked == [group]
