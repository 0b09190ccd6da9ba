"""docs/explaining.md shows the catalogue and the figures of the results."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from package_tree import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def make_explaining():
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location(
            "make_explaining", DOCS / "make_explaining.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DOCS))


def row(measure, value, *, over_random="0.1", over_centre="0.1"):
    return {
        "measure": measure, "value": value, "low": "0.20", "high": "0.40",
        "over_random_low": over_random, "over_centre_low": over_centre,
    }  # fmt: skip


def test_the_page_is_in_step(make_explaining):
    text = make_explaining.PAGE.read_text(encoding="utf-8")
    assert text == make_explaining.page(text), "run: python docs/make_explaining.py"


def test_bold_is_what_surely_beats_both_that_look_at_nothing(make_explaining):
    told = make_explaining.cell(row("pointing", "0.301"))
    assert told == "**0.30 [0.20, 0.40]**"
    for rival in ("over_random", "over_centre"):
        assert make_explaining.cell(row("pointing", "0.3", **{rival: "-0.01"})) == told.strip("*")
    assert make_explaining.cell(row("twin", "0.3", over_random="")) == told.strip("*")
    assert make_explaining.cell(None) == "–"


def test_methods_are_in_the_order_of_how_they_lie_on_the_mask(make_explaining):
    by_method = {
        name: {"precision_recall": row("precision_recall", value)}
        for name, value in (("centre", "0.9"), ("a", "0.2"), ("b", "0.7"))
    }
    assert make_explaining.ranked(by_method) == ["b", "a"]
