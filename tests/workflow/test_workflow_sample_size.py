"""Examples a weight stand in the record and on the page of a run; a bound only where it speaks."""

from __future__ import annotations

import pytest

from netwright.report.contents import Contents
from netwright.report.page import _data
from netwright.workflow.fit import fit


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_the_record_and_the_page_say_it(data, tmp_path):
    run = fit(data, model="linear", epochs=1, root=tmp_path)
    size = run.folder.read_json("data.json")["sample_size"]
    weights = {"iris": 4 * 3 + 3, "diabetes": 11}[data]
    assert size["parameters"] == weights
    assert size["examples_per_parameter"] == size["examples"] / weights
    facts = dict(_data(Contents(run.folder))["facts"])
    assert f"for {weights})" in facts["Examples a weight"]
    assert ("PAC bound" in facts) is ("pac_gap" in size) is (data == "iris")
    if data == "iris":
        assert "above 1, so it says nothing here" in facts["PAC bound"]
