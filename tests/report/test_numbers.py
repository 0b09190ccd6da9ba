from __future__ import annotations

import math

import pytest

from netwright.report.numbers import bytes_in_words, count, duration, figure, interval_of


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (0.98765, "accuracy", "98.8 %"),
        (0.98765, "balanced_accuracy", "98.8 %"),
        (0.98765, "log_loss", "0.9877"),
        (-1.5, "r2", "−1.5"),
        (-0.2, "accuracy", "−0.2"),
        (12345, "", "12\u202f345"),
        (48123.4, "mean_absolute_error", "48\u202f123"),
        (-48123.4, "", "−48\u202f123"),
        (1e12, "", "1e+12"),
        (math.nan, "accuracy", "not a number"),
        (math.inf, "", "∞"),
        (-math.inf, "", "−∞"),
        (None, "", "–"),
        (True, "", "True"),
        ("cat", "", "cat"),
    ],
)
def test_figures(value, name, shown):
    assert figure(value, name=name) == shown


def test_intervals():
    assert interval_of({"low": 0.5, "high": 0.75}, name="recall") == "50.0 to 75.0 %"
    assert interval_of({"low": 0.5, "high": 0.75}, name="log_loss") == "0.5 to 0.75"
    assert interval_of({"low": None, "high": 0.75}) is None
    assert interval_of({}) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.012, "0.012 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3599.9, "1 h 0 min"),
        (7300, "2 h 1 min"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_durations(seconds, shown):
    assert duration(seconds) == shown


def test_sizes():
    assert bytes_in_words(3 * 2**29) == "1.5 GiB"
    assert bytes_in_words(None) == "–"
    assert count(-1234.4) == "−1\u202f234"
