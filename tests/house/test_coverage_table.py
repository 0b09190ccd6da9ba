"""docs/coverage.toml tells the truth as far as a program can tell, and its page is in step."""

from __future__ import annotations

import importlib.util
from collections import Counter

import pytest

from package_tree import ROOT


def program(name):
    """A program of docs, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_coverage, take_figures = program("make_coverage"), program("take_figures")

# Rows may be split (raise the number), never dropped.
AT_LEAST = {
    "1 Building": 74,
    "2 Learning": 100,
    "3 Architectures": 25,
    "4 Diagnosis": 28,
    "5 Interpretation": 26,
    "6 Detection": 18,
    "7 Segmentation": 13,
    "8 Transfer, multi-task, few labels": 19,
    "9 Domain adaptation and generalisation": 20,
    "10 Unsupervised and generative": 25,
    "11 Sequences": 24,
    "12 Decisions": 2,
    "13 Search": 8,
    "14 Production": 22,
    "15 Claims, proven": 47,
}
FIELDS = {
    *("section", "group", "row", "state", "file", "test", "reference"),
    *("data", "metric", "floor", "result", "note"),
}
NEEDED = {
    "planned": set(),
    "partial": {"file", "test", "note"},
    "done": {"file", "test", "reference", "data"},
}
LEARNER = {"metric", "floor", "result"}
NOT_A_LEARNER = "not a learner"


def faults(row: dict[str, str]) -> list[str]:
    """What is wrong with one row."""
    state = row.get("state")
    if state not in NEEDED:
        return [f"state is {state!r}"]
    found = [f"unknown field {name!r}" for name in row.keys() - FIELDS]
    found += [f"no {name}" for name in sorted(NEEDED[state]) if not row.get(name)]
    if state == "done":
        needed = {"note"} if row.get("data") == NOT_A_LEARNER else LEARNER
        found += [f"no {name}" for name in sorted(needed) if not row.get(name)]
    if row.get("file"):
        found += [f"no such file: {part}" for part in row["file"].split(", ") if not there(part)]
    if row.get("test"):
        found += [f"no such test: {part}" for part in row["test"].split(", ") if not there(part)]
    return found


def there(place: str) -> bool:
    """Whether `path` or `path::name` is in the repository."""
    path, _, name = place.partition("::")
    file = ROOT / path
    return file.is_file() and (not name or f"def {name}(" in file.read_text(encoding="utf-8"))


def test_every_row_has_what_its_state_asks_for():
    found = {row.get("row"): faults(row) for row in make_coverage.rows()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_rows_are_named_once():
    names = Counter((row["section"], row["row"]) for row in make_coverage.rows())
    assert [name for name, count in names.items() if count > 1] == []


def test_no_row_has_disappeared():
    counts = Counter(row["section"] for row in make_coverage.rows())
    assert set(counts) == set(AT_LEAST)
    short = [name for name in AT_LEAST if counts[name] < AT_LEAST[name]]
    assert short == []


def test_the_page_is_in_step():
    page = make_coverage.PAGE.read_text(encoding="utf-8")
    assert page == make_coverage.page(make_coverage.rows()), "run: python docs/make_coverage.py"
    assert all(row["row"].replace("|", "\\|") in page for row in make_coverage.rows())


def test_the_figures_are_those_of_the_results_and_over_their_floors():
    text = take_figures.TABLE.read_text(encoding="utf-8")
    assert text == take_figures.table(text), "run: python docs/take_figures.py"
    assert take_figures.beaten(text) == []


def test_a_technique_that_loses_is_not_done(monkeypatch):
    rows = {"r": [{"passes": "no"}, {"passes": "no"}], "s": [{"passes": "no"}, {"passes": "yes"}]}
    monkeypatch.setattr(take_figures, "newest", lambda: rows)
    text = "".join(f'[[row]]\nrow = "{name}"\nstate = "done"\n' for name in "rst")
    assert take_figures.beaten(text) == ["r"]


HERE = "tests/house/test_coverage_table.py"
DONE = {
    "section": "s",
    "row": "r",
    "state": "done",
    "file": "docs/make_coverage.py",
    "test": f"{HERE}::test_rows_are_named_once",
    "reference": "a count",
    "data": NOT_A_LEARNER,
    "note": "it counts",
}


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 0),
        ({"state": "finished"}, 1),
        ({"file": "src/netwright/gone.py"}, 1),
        ({"test": f"{HERE}::test_gone"}, 1),
        ({"reference": ""}, 1),
        ({"note": ""}, 1),
        ({"data": "digits"}, 3),
        ({"colour": "red"}, 1),
        ({"state": "partial", "note": ""}, 1),
    ],
)
def test_the_test_sees_what_it_should(change, count):
    assert len(faults(DONE | change)) == count
