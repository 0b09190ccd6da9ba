"""docs/architectures.md is what its script makes."""

from __future__ import annotations

import importlib.util
import sys

from package_tree import ROOT

DOCS = ROOT / "docs"


def test_the_tables_are_those_of_the_catalogue():
    sys.path.insert(0, str(DOCS))
    try:
        script = DOCS / "make_architectures.py"
        spec = importlib.util.spec_from_file_location("make_architectures", script)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(DOCS))
    text = made.PAGE.read_text(encoding="utf-8")
    assert made.page() == text, "run: python docs/make_architectures.py"
