"""docs/learning.md holds the figures of benchmarks/results."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from package_tree import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def make_learning():
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("make_learning", DOCS / "make_learning.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DOCS))


def row(name, column, mean, *, diverged="0", metric="log_loss"):
    return {
        "table": "optimisers", "row": name, "column": column, "metric": metric, "mean": mean,
        "sd": "0.01", "seeds": "5", "diverged": diverged, "cpu_seconds": "0.3",
    }  # fmt: skip


def test_the_page_is_in_step(make_learning):
    assert make_learning.PAGE.read_text(encoding="utf-8") == make_learning.page(), (
        "run: python docs/make_learning.py"
    )


def test_the_best_is_the_least_cost_and_what_broke_down_is_never_best(make_learning):
    found = [
        row("a", "wine", "0.2"),
        row("b", "wine", "0.1", diverged="2"),
        row("c", "wine", "nan", diverged="5"),
        row("d", "wine", "0.3"),
        row("a", "digits", "0.9", metric="accuracy"),
        row("b", "digits", "0.95", metric="accuracy"),
    ]
    head, _, first, second, third, _ = make_learning.pivot(found)
    assert head == "|  | wine (log loss, less is better) | digits (accuracy) |"
    assert first == "| a | **0.2** ± 0.01; 0.3 s | 0.9 ± 0.01; 0.3 s |"
    assert second == "| b | 0.1 ± 0.01, 2 of 5 broke down; 0.3 s | **0.95** ± 0.01; 0.3 s |"
    assert third == "| c | broke down | – |"
