"""Every `Example:` of the package, executed."""

from __future__ import annotations

import doctest
import importlib
import inspect
from types import ModuleType

import pytest

from package_tree import module_name, sources

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
WITH_EXAMPLES = [path for path in sources() if ">>>" in path.read_text(encoding="utf-8")]


class Finder(doctest.DocTestFinder):
    """Finds examples behind decorators too; the shape checker wraps every function."""

    def _from_module(self, module: ModuleType, object: object) -> bool:
        return super()._from_module(module, inspect.unwrap(object) if callable(object) else object)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=module_name)
def test_examples_do_what_they_say(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a run
    module = importlib.import_module(module_name(path))
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for example in Finder().find(module, module.__name__):
        runner.run(example, out=output.append)
    monkeypatch.undo()
    written = sum(line.lstrip().startswith(">>>") for line in path.read_text().splitlines())
    assert runner.tries == written, "some examples were not found, or run twice"
    assert runner.failures == 0, "".join(output)
