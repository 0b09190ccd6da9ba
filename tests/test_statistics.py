import numpy as np
import pytest
from scipy import stats

from netwright._errors import BadValue
from netwright._statistics import (
    bootstrap,
    bootstrap_weighted,
    paired_difference,
    percentiles,
    resample_counts,
    wilson,
)


def mean(values):
    def figure(weights):
        return values @ weights / weights.sum(axis=0)

    return figure


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (3, 10), (10, 10), (950, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson(successes, count, level):
    wanted = stats.binomtest(successes, count).proportion_ci(level, method="wilson")
    interval = wilson(successes, count, level=level)
    assert (interval.low, interval.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert interval.value == successes / count


@pytest.mark.parametrize("bad", [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses(bad):
    with pytest.raises(BadValue, match="successes must be"):
        wilson(*bad)


def test_resamples_draw_as_many_as_there_are_in_blocks():
    blocks = list(resample_counts(120_000, n_resamples=8, seed=3))
    assert [block.shape[1] for block in blocks] == [4, 4]
    counts = np.concatenate(blocks, axis=1)
    assert (counts.sum(axis=0) == 120_000).all()
    # each is drawn a Poisson(1) number of times
    shares = np.bincount(counts.astype(int).ravel())[:4] / counts.size
    assert shares == pytest.approx(stats.poisson(1).pmf(range(4)), abs=2e-3)


def test_resamples_follow_the_seed():
    first, again, other = (
        next(resample_counts(50, n_resamples=5, seed=seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_bootstrap_of_a_mean_agrees_with_scipy(level):
    values = np.random.default_rng(0).exponential(size=200)
    wanted = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", confidence_level=level, rng=1
    ).confidence_interval
    for interval in (
        bootstrap_weighted(mean(values), 200, n_resamples=20000, level=level),
        bootstrap(np.mean, [values], n_resamples=20000, level=level),
    ):
        assert interval.value == pytest.approx(values.mean())
        assert (interval.low, interval.high) == pytest.approx(wanted, abs=0.01)


def test_bootstrap_keeps_arrays_aligned():
    first = np.random.default_rng(0).normal(size=100)
    interval = bootstrap(lambda a, b: np.abs(a - b).max(), [first, first], n_resamples=20)
    assert (interval.low, interval.value, interval.high) == (0, 0, 0)
    with pytest.raises(BadValue, match="arrays must be of one length"):
        bootstrap(np.mean, [first, first[1:]])


def test_a_paired_difference_is_narrow_and_right():
    random = np.random.default_rng(0)
    hardness = random.normal(size=500) * 10
    first, second = hardness + 0.5, hardness + random.normal(size=500) * 0.1
    paired = paired_difference(first, second)
    gap = first - second
    half = stats.norm.ppf(0.975) * gap.std() / np.sqrt(500)
    assert paired.value == pytest.approx(gap.mean())
    assert (paired.low, paired.high) == pytest.approx(
        (gap.mean() - half, gap.mean() + half), abs=half / 5
    )
    with pytest.raises(BadValue, match="second must be as long"):
        paired_difference(first, second[1:])


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        values = random.normal(loc=2.0, size=60)
        interval = bootstrap_weighted(mean(values), 60, n_resamples=300, level=0.9, seed=trial)
        held += interval.low <= 2.0 <= interval.high
    # 0.9 less what the percentile interval loses at n = 60, ± 3 standard errors
    assert 0.83 <= held / 300 <= 0.95


def test_undefined_resamples_are_left_out():
    figures = np.array([np.nan, 1.0, 2.0, 3.0])
    interval = percentiles(figures, 2.0, level=0.5)
    assert (interval.low, interval.high) == (1.5, 2.5)
    nothing = percentiles(figures[:1], 2.0)
    assert np.isnan(nothing.low)
    assert np.isnan(nothing.high)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_is_a_share(level):
    with pytest.raises(BadValue, match="level must be between 0 and 1"):
        wilson(1, 2, level=level)
    with pytest.raises(BadValue, match="level must be between 0 and 1"):
        percentiles(np.ones(3), 1.0, level=level)
