"""No keyword is accepted and ignored: each, changed from its default, changes an output or raises.

All public callables of the package are enumerated. One that has keywords with defaults needs a
`Case` (tests/keyword_cases, one file a room) that changes each of them, or an entry in EXEMPT that
says why not. Records (dataclasses, named tuples, pydantic models) are carriers: a field of theirs
must be read somewhere in the package.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from keyword_cases.case import Case, attempt, same
from netwright._errors import NetwrightError
from package_tree import PACKAGE, ROOT, module_name, sources, tree

ROOMS = sorted(
    path.stem
    for path in (ROOT / "tests" / "keyword_cases").glob("*.py")
    if path.stem not in {"case", "__init__"}
)
COLLECTED = [importlib.import_module(f"keyword_cases.{room}") for room in ROOMS]
CASES: list[tuple[str, Case]] = [
    (name, case)
    for room in COLLECTED
    for name, cases in room.CASES.items()
    for case in (cases if isinstance(cases, tuple) else (cases,))
]
EXEMPT: dict[str, str] = {name: why for room in COLLECTED for name, why in room.EXEMPT.items()}


def public() -> Iterator[tuple[str, Any]]:
    """Every function and class that a module of the package offers as its own."""
    for path in sources():
        name = module_name(path)
        module = importlib.import_module(name)
        for attribute in getattr(module, "__all__", ()):
            offered = getattr(module, attribute)
            if callable(offered) and getattr(offered, "__module__", None) == name:
                yield f"{name}:{attribute}", offered


def has_keywords_of_its_own(offered: Any) -> bool:
    if not inspect.isclass(offered):
        return True
    return not (
        issubclass(offered, BaseException | enum.Enum)
        or inspect.isabstract(offered)
        or getattr(offered, "_is_protocol", False)
    )


def is_record(offered: Any) -> bool:
    named = issubclass(offered, tuple) if inspect.isclass(offered) else False
    return dataclasses.is_dataclass(offered) or hasattr(offered, "model_fields") or named


def keywords(offered: Any) -> list[str]:
    """Names of the parameters that have a default."""
    parameters = inspect.signature(offered).parameters.values()
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is not parameter.empty and not parameter.name.startswith("_")
    ]


@cache
def enumerated() -> dict[str, tuple[bool, list[str]]]:
    """Public name → (whether it is a record, its keywords)."""
    found = {}
    for name, offered in public():
        if has_keywords_of_its_own(offered) and (names := keywords(offered)):
            found[name] = (is_record(offered), names)
    return found


@cache
def words_read() -> frozenset[str]:
    """Every attribute read and every key named in the package, templates included."""
    words: set[str] = set()
    for path in sources():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                words.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    for template in (*PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.html")):
        words.update(
            template.read_text(encoding="utf-8").replace("}", " ").replace(".", " ").split()
        )
    return frozenset(words)


def covered(name: str, keyword: str) -> bool:
    """Whether a case changes the keyword, or a reason stands in for it."""
    changed = any(owner == name and keyword in case.changed for owner, case in CASES)
    return changed or name in EXEMPT or f"{name}({keyword})" in EXEMPT


def test_every_keyword_has_a_case_or_a_reason():
    missing = [
        f"{name}({keyword})"
        for name, (record, names) in enumerated().items()
        for keyword in names
        if not (covered(name, keyword) or (record and keyword in words_read()))
    ]
    assert not missing, f"{len(missing)} without a case:\n" + "\n".join(missing)


def test_no_case_and_no_reason_outlives_its_keyword():
    there = enumerated()
    stale = [
        f"{name}({keyword})"
        for name, case in CASES
        for keyword in case.changed
        if keyword not in there.get(name, (False, ()))[1]
    ]
    for exempt in EXEMPT:
        name, _, keyword = exempt.rstrip(")").partition("(")
        if name not in there or (keyword and keyword not in there[name][1]):
            stale.append(exempt)
    assert stale == []
    assert all(len(why) > 20 for why in EXEMPT.values())


def outcome(case: Case, folder: Path, **keyword: Any) -> Any:
    """What the case gives in an empty folder, the same one each time: its name may be in there."""
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    monkey = pytest.MonkeyPatch()
    monkey.chdir(place)
    torch.manual_seed(0)
    try:
        return attempt(case.call, place, **keyword)
    finally:
        monkey.undo()


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_a_changed_keyword_changes_an_output_or_raises(name: str, case: Case, tmp_path: Path):
    before = outcome(case, tmp_path)
    assert not isinstance(before, NetwrightError), f"the case itself is refused: {before}"
    again = outcome(case, tmp_path)
    assert same(before, again), "the case gives another output each time, so it can show nothing"
    ignored = [
        keyword
        for keyword, value in case.changed.items()
        if same(before, outcome(case, tmp_path, **{keyword: value}))
    ]
    assert not ignored, f"{name} accepts and ignores {', '.join(ignored)}"


def test_a_keyword_that_does_nothing_is_seen(tmp_path: Path):
    def scaled(values: torch.Tensor, *, factor: float = 1.0, bias: float = 0.0) -> torch.Tensor:
        return values * factor

    case = Case(lambda _, **keyword: scaled(torch.ones(3), **keyword), {"factor": 2.0, "bias": 1.0})
    before = outcome(case, tmp_path)
    assert not same(before, outcome(case, tmp_path, factor=2.0))
    assert same(before, outcome(case, tmp_path, bias=1.0))
