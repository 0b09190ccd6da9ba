"""Pages with tables are what their scripts make of the catalogue and the results."""

from __future__ import annotations

import importlib.util

import pytest

from package_tree import ROOT


@pytest.mark.parametrize("page", ["architectures", "transfer"])
def test_the_page_is_in_step(page, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    script = ROOT / "docs" / f"make_{page}.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.page() == made.PAGE.read_text(encoding="utf-8"), f"run: python docs/{script.name}"
