"""Each example runs in its quick form, draws its figure, and shows what its page says it shows."""

from __future__ import annotations

import importlib
import re
import sys

import pytest
from PIL import Image

from netwright.report import page
from package_tree import ROOT

FOLDER = ROOT / "examples"


@pytest.fixture
def quickly(tmp_path, monkeypatch):
    """Runs an example; its figure is in `tmp_path`."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(page, "render", lambda folder: "<p>drawn elsewhere</p>")  # a second each
    before = set(sys.modules)

    def run(name):
        found = importlib.import_module(name).main(quick=True, out=tmp_path)
        with Image.open(tmp_path / f"{name.replace('_', '-')}.png") as picture:
            assert picture.width > 400
        return found

    yield run
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def test_three_ways_end_at_one_minimum(quickly):
    found = quickly("ways_to_a_minimum")
    assert float((found["descent"] - found["exact"]).abs().max()) < 1e-2
    assert float((found["grid"] - found["exact"]).abs().max()) <= 1.4 / 14 / 2 + 1e-6


def test_no_rule_is_better_than_bayes(quickly):
    found = quickly("bayes_risk")
    assert found["simulated"] == pytest.approx(found["bayes"], abs=0.01)
    assert found["bayes"] - 0.005 < found["many"] < found["bayes"] + 0.03
    assert found["few"] > found["many"]
    assert found["linear"] > 0.35


def test_the_gap_shrinks_and_the_bound_is_above_it(quickly):
    found = quickly("empirical_risk")
    for width in ("4 hidden units", "256 hidden units"):
        assert found[f"{width}, few"] > found[f"{width}, many"]
        assert found[f"{width}, many"] < found[f"{width}, bound"]


def test_a_right_prior_helps_most_where_examples_are_few(quickly):
    found = quickly("map_by_n")
    assert found["likelihood"] == pytest.approx(found["theory"], rel=0.15)
    assert found["right, few"] < 0.5 * found["likelihood, few"]
    assert found["right"] == pytest.approx(found["likelihood"], rel=0.2)
    assert found["narrow"] > 2 * found["right"]


def test_both_kinds_learn(quickly):
    found = quickly("generative_discriminative")
    for kind in ("naive Bayes (generative)", "logistic (discriminative)"):
        assert found[f"breast-cancer: {kind}, many"] < found[f"breast-cancer: {kind}, few"] < 0.37


def test_each_example_has_a_test_and_a_place_in_the_docs():
    examples = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    source = (ROOT / "tests" / "examples" / "test_examples.py").read_text(encoding="utf-8")
    assert set(re.findall(r'quickly\("(\w+)"\)', source)) == examples
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert {name for name in examples if f"examples/{name}.py" not in pages} == set()
