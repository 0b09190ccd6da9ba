"""docs/evaluation.md shows the figures of the results."""

from __future__ import annotations

import importlib.util

from package_tree import ROOT


def test_the_page_is_in_step(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    spec = importlib.util.spec_from_file_location(
        "make_evaluation", ROOT / "docs" / "make_evaluation.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.page(text), "run: python docs/make_evaluation.py"
