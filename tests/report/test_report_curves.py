"""Which curves a run has."""

from __future__ import annotations

from netwright.report.contents import Contents
from netwright.report.curves import learning_charts
from netwright.runs.store import Recorder, RunFolder


def titles(tmp_path, terms) -> list[str]:
    run = RunFolder.create(tmp_path, "a")
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        for step in range(4):
            recorder.record("step", step=step, phase="main", loss=0.5 - step, terms=terms)
    return [chart["title"] for chart in learning_charts(Contents(run))]


def test_what_is_told_of_a_term_has_a_chart_of_its_own(tmp_path):
    terms = {"colour": 1.0, "km/h": 2.0, "log_variance/colour": -3.0, "log_variance/km/h": 0.0}
    assert titles(tmp_path, terms) == ["Loss", "Terms of the loss", "Log variance"]


def test_terms_that_are_not_drawn_are_counted(tmp_path):
    terms = dict.fromkeys("abcdef", 1.0)
    assert titles(tmp_path, terms) == ["Loss", "Terms of the loss, 4 of 6"]
