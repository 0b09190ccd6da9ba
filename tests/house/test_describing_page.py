"""docs/describing.md is what its script makes."""

from __future__ import annotations

import importlib.util
import re

import pytest

from package_tree import ROOT

spec = importlib.util.spec_from_file_location("make_describing", ROOT / "docs/make_describing.py")
make_describing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_describing)
PAGE = (ROOT / "docs" / "describing.md").read_text(encoding="utf-8")
SAID = "run: python docs/make_describing.py"


def test_what_is_cheap_to_make_again_is_on_the_page():
    assert PAGE.startswith(make_describing.INTRODUCTION), SAID
    assert (
        tuple(re.findall(r"^\| (\w+) \| [\d,]+ ", PAGE, re.MULTILINE)) == make_describing.NETWORKS
    )
    for name in ("alexnet", "squeezenet1_1"):
        assert make_describing.row(make_describing.described(name), name) in PAGE, SAID
    assert make_describing.unet() in PAGE, SAID


@pytest.mark.slow
def test_the_whole_page():
    assert make_describing.page() == PAGE, SAID
