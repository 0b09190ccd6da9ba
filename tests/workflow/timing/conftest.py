"""A clock that only goes on when something sleeps, so that a busy machine changes no figure."""

from __future__ import annotations

import time

import pytest

TICK = 1e-6  # what looking at the clock takes: everything takes some time


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Replaces the clock and sleeping in this process; `monkeypatch.undo()` gives them back."""
    now = [0.0]

    def pass_by(seconds):
        now[0] += seconds

    def look():
        pass_by(TICK)
        return now[0]

    monkeypatch.setattr(time, "perf_counter", look)
    monkeypatch.setattr(time, "sleep", pass_by)
