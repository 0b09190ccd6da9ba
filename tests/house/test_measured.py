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


def test_the_page_is_in_step():
    assert make_measured.PAGE.read_text(encoding="utf-8") == make_measured.page(), (
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


def test_other_trainers_stand_beside_ours(tmp_path):
    around = AROUND | {"low": "10.0", "high": "12.0", "n": "25"}
    ours = {"loop": "netwright", "step_us": "150.0", "above_hand_us": "11.0"} | around
    theirs = ours | {"loop": "another", "above_hand_us": "500.0"}
    write(tmp_path / "loop_overhead.csv", ours | {"above_hand_us": "99.0"}, ours, theirs)
    step = {"step": "ready", "batch_size": "64", "step_ms": "20", "ratio": "0.5"} | around
    write(
        tmp_path / "small_cnn_step.csv",
        *(step | {"loop": name, "batch_size": size} for name in "ab" for size in (64, 128)),
    )
    reached = recipe("digits", accuracy="0.9800", seconds="9.0", runs=5)
    for figure in ("cpu", "wall"):
        reached[f"{figure}_mean"] = "8.5"
    reached |= {"goal": "0.98", "trainer": "netwright", "epochs": "14"}
    write(tmp_path / "time_to_accuracy.csv", reached)
    formats = {"setting": "cifar10/small-resnet", "accuracy_fp32": "0.52", "accuracy_bf16": "0.53"}
    formats |= {f"accuracy_{name}": "+0.01" for name in ("difference", "low", "high")}
    write(tmp_path / "processor_precision.csv", formats | {"seeds": 10, "n": 10000} | AROUND)
    assert make_measured.BEYOND in make_measured.section(tmp_path)
    shown = make_measured.page(tmp_path)
    assert "| netwright | 150.0 | 11.0 | 10.0–12.0 | 25 |" in shown
    assert "| another | 150.0 | 500.0 | 10.0–12.0 | 25 |" in shown
    assert "99.0" not in shown
    assert shown.count("| ready | ") == 4
    assert "| digits | 0.98 | netwright | 14 | 0.9800 | 8.5 s | 8.5 s | 5 | 359 |" in shown
    assert "| cifar10/small-resnet | 0.52 | 0.53 | +0.01 | +0.01 to +0.01 | 10 | 10000 |" in shown


def test_nothing_measured_is_nothing_said(tmp_path):
    assert make_measured.section(tmp_path) == ""


def test_a_readme_without_a_place_for_it_is_refused():
    with pytest.raises(SystemExit, match=r"README\.md has no"):
        make_measured.filled("# Netwright\n", "figures")
