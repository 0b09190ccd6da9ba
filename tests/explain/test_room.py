"""The room's doors: functions by the names of their files, whatever was loaded before."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from netwright import explain


@pytest.mark.parametrize("name", explain.__all__)
def test_a_loaded_file_does_not_hide_its_function(name):
    importlib.import_module(f"netwright.explain.{explain._ELSEWHERE.get(name, name)}")
    assert not isinstance(getattr(explain, name), ModuleType)


def test_whether_the_file_or_the_function_is_asked_for_first():
    script = (
        "import netwright.explain.saliency\n"
        "from netwright.explain.saliency import saliency as own\n"
        "import netwright as nw\n"
        "assert nw.explain.saliency is own and callable(own)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
