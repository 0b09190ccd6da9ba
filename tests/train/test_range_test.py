"""What is read from a sweep whose losses are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from netwright._errors import BadValue
from netwright.train.range_test import has_diverged, read_sweep, smooth

RATES = np.geomspace(1e-5, 10, 61)


def test_the_running_mean_is_that_of_pandas():
    losses = np.random.default_rng(0).normal(size=50)
    wanted = pd.Series(losses).ewm(alpha=0.1, adjust=True).mean()
    np.testing.assert_allclose(smooth(losses), wanted, rtol=1e-12)


def test_a_tenth_of_where_the_smoothed_loss_is_lowest():
    losses = np.where(RATES < 0.1, 2 - np.clip(np.log10(RATES / 1e-4), 0, 1.5), 5.0)
    found = read_sweep(RATES.tolist(), losses.tolist())
    place = int(np.argmin(found.smoothed))
    assert found.lowest == RATES[place]
    assert 0.02 < found.lowest < 0.2
    assert found.suggested == pytest.approx(found.lowest / 10)
    steepest = int(np.argmax(-np.diff(found.smoothed[: place + 1])))
    assert found.steepest == RATES[steepest]
    assert "a tenth of" in found.rule
    assert found.to_json()["suggested"] == found.suggested


def test_no_rate_where_nothing_falls():
    found = read_sweep(RATES.tolist(), [1.0] * 61)
    assert (found.suggested, found.lowest, found.steepest) == (None, None, None)
    assert "falls nowhere" in found.rule


def test_a_sweep_that_is_too_short_says_so():
    found = read_sweep(RATES.tolist(), np.linspace(2, 1, 61).tolist())
    assert "a higher end may tell more" in found.rule
    with pytest.raises(BadValue, match="rates must be at least 3"):
        read_sweep([0.1, 0.2], [1.0, 2.0])


@pytest.mark.parametrize(
    ("smoothed", "wanted"),
    [
        ([2.0, 1.0, 2.9], False),
        ([2.0, 1.0, 3.1], True),
        ([2.0, 1.0, float("nan")], True),
        ([2.0, -3.0, 6.0], False),
        ([-1.0, -2.0, 0.5], True),  # a likelihood of densities may be below 0
    ],
)
def test_when_it_has_diverged(smoothed, wanted):
    assert has_diverged(smoothed) is wanted
