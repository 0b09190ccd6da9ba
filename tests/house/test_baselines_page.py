"""The page of baselines is in step with its results and with the catalogue."""

from __future__ import annotations

import importlib.util

from netwright.evaluate.baselines.catalogue import BASELINES
from package_tree import ROOT


def program():
    spec = importlib.util.spec_from_file_location(
        "make_baselines", ROOT / "docs" / "make_baselines.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_in_step():
    made = program()
    text = made.PAGE.read_text(encoding="utf-8")
    assert text == made.page(text), "run: python docs/make_baselines.py"


def test_every_model_was_measured():
    measured = {row["model"] for row in program().newest()}
    assert set(BASELINES.names()) <= measured


def test_a_simplest_is_named_for_every_set():
    made = program()
    rows = made.newest()
    for data in {row["data"] for row in rows}:
        seeds = {row["seed"] for row in rows if row["data"] == data}
        assert len(made.simplest(rows, data)) == len(seeds)
