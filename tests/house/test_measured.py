"""The README's figures are those of benchmarks/results."""

from __future__ import annotations

import csv
import importlib.util

import pytest

from package_tree import ROOT

spec = importlib.util.spec_from_file_location("make_measured", ROOT / "docs" / "make_measured.py")
make_measured = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_measured)

AROUND = {
    "date": "2026-01-02",
    "processor": "A processor",
    "cores": "2",
    "python": "3.12.1",
    "torch": "2.9",
    "netwright": "0.1.0",
}


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def recipe(data, *, accuracy, seconds, runs):
    figures = {"data": data, "runs": runs, "n": 359}
    for name, value in (("accuracy", accuracy), ("seconds", seconds)):
        figures |= {f"{name}_mean": value, f"{name}_low": value, f"{name}_high": value}
    return figures | AROUND


def test_the_readme_is_in_step():
    readme = make_measured.README.read_text(encoding="utf-8")
    assert readme == make_measured.filled(readme, make_measured.section()), (
        "run: python docs/make_measured.py"
    )


def test_the_newest_figures_are_shown_with_machine_versions_and_n(tmp_path):
    write(
        tmp_path / "default_recipes.csv",
        recipe("digits", accuracy="0.9000", seconds="31.0", runs=5),
        recipe("digits", accuracy="0.9900", seconds="21.0", runs=5),
        recipe("fashion-mnist", accuracy="0.9300", seconds="1500.0", runs=1),
    )
    ratio = {"figure": "import", "median": "1.0512", "low": "1.0", "high": "1.1", "unit": "ratio"}
    write(tmp_path / "import_time.csv", ratio | {"n": 25} | AROUND)
    shown = make_measured.section(tmp_path)
    assert "0.9900" in shown
    assert "0.9000" not in shown
    assert "5 seeds" in shown
    assert "25 min" in shown
    assert "1.05×" in shown
    assert shown.count("A processor, 2 cores; Python 3.12.1, torch 2.9, netwright 0.1.0") == 1


def test_nothing_measured_is_nothing_said(tmp_path):
    assert make_measured.section(tmp_path) == ""


def test_a_readme_without_a_place_for_it_is_refused():
    with pytest.raises(SystemExit, match=r"README\.md has no"):
        make_measured.filled("# Netwright\n", "figures")
