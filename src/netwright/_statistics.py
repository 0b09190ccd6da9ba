"""How far a measured figure can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from netwright._errors import must_be

__all__ = [
    "Interval",
    "bootstrap",
    "bootstrap_weighted",
    "exact_share",
    "paired_difference",
    "percentiles",
    "resample_counts",
    "wilson",
]

Array = NDArray[np.float64]

_ENTRIES_AT_ONCE = 500_000  # of a block of resamples: 4 MB, which stay in a processor's cache


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and between what its true value is likely to lie.

    Attributes:
        value: as measured.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def wilson(successes: float, count: float, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share; stays within [0, 1] and holds for few successes.

    Paper: Probable Inference, the Law of Succession, and Statistical Inference, 1927,
        https://doi.org/10.1080/01621459.1927.10502953

    Example:
        >>> round(wilson(0, 10).high, 4)
        0.2775
    """
    if not 0 <= successes <= count or count <= 0:
        raise must_be("successes", f"between 0 and a positive count ({count})", successes)
    z = NormalDist().inv_cdf(0.5 + _checked(level) / 2)
    share = successes / count
    shrunk = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / shrunk
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / shrunk
    return Interval(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))


def exact_share(successes: float, count: float, *, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval of a share: holds the truth at least as often as it says.

    Paper: The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial, 1934,
        https://doi.org/10.1093/biomet/26.4.404

    Args:
        successes: how many; weights may make it a fraction.
        count: of how many.
        level: how often the interval shall hold the true value.

    Example:
        >>> round(exact_share(0, 10).high, 4)
        0.3085
    """
    from scipy.stats import beta

    if not 0 <= successes <= count or count <= 0:
        raise must_be("successes", f"between 0 and a positive count ({count})", successes)
    tail, failures = (1 - _checked(level)) / 2, count - successes
    low = beta.ppf(tail, successes, failures + 1) if successes > 0 else 0.0
    high = beta.ppf(1 - tail, successes + 1, failures) if failures > 0 else 1.0
    return Interval(value=successes / count, low=float(low), high=float(high))


def resample_counts(count: int, *, n_resamples: int, seed: int) -> Iterator[Array]:
    """How often each of `count` examples is drawn in each resample, in blocks of (count, b).

    A figure that takes weights can be resampled without gathering anything.
    """
    if count < 1 or n_resamples < 1:
        raise must_be("n_resamples", "at least 1, over at least one example", n_resamples)
    generator = np.random.default_rng(seed)
    block = max(1, min(n_resamples, _ENTRIES_AT_ONCE // count))
    for start in range(0, n_resamples, block):
        size = min(block, n_resamples - start)
        drawn = generator.integers(0, count, size=(size, count))
        drawn += np.arange(size)[:, None] * count
        counts = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)


def bootstrap_weighted(
    figure: Callable[[Array], Array],
    count: int,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a figure that is a function of how much each example counts.

    Paper: Bootstrap Methods: Another Look at the Jackknife, 1979,
        https://doi.org/10.1214/aos/1176344552

    Args:
        figure: weights (count, b) → b figures. Resamples for which it gives NaN are left out.
        count: how many examples there are.
        n_resamples: how many times they are drawn anew.
        level: how often the interval shall hold the true value.
        seed: of the draws.
    """
    blocks = resample_counts(count, n_resamples=n_resamples, seed=seed)
    value = float(figure(np.ones((count, 1)))[0])
    return percentiles(np.concatenate([figure(block) for block in blocks]), value, level=level)


def bootstrap(
    figure: Callable[..., float],
    arrays: Sequence[NDArray[np.generic]],
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of any function of aligned arrays, called once a resample.

    Example:
        >>> values = np.arange(100.0)
        >>> interval = bootstrap(np.mean, [values])
        >>> interval.low < interval.value < interval.high
        True
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise must_be("arrays", "of one length", sorted(lengths))
    count = lengths.pop()
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, count, size=count) for _ in range(n_resamples))
    figures = np.array([figure(*(array[rows] for array in arrays)) for rows in draws], dtype=float)
    return percentiles(figures, float(figure(*arrays)), level=level)


def paired_difference(
    first: Array,
    second: Array,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap of mean(first − second) for two models judged on the same examples.

    Far narrower than the difference of two intervals, because what makes an example hard for both
    drops out.

    Args:
        first: a value an example (right or wrong, loss, error).
        second: the other model's, of the same examples in the same order.
        n_resamples: how many times the examples are drawn anew.
        level: how often the interval shall hold the true value.
        seed: of the draws.
    """
    if len(first) != len(second):
        raise must_be("second", f"as long as first ({len(first)})", len(second))
    gap = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)

    def mean(weights: Array) -> Array:
        return np.asarray(gap @ weights / weights.sum(axis=0))

    return bootstrap_weighted(mean, len(gap), n_resamples=n_resamples, level=level, seed=seed)


def percentiles(figures: Array, value: float, *, level: float = 0.95) -> Interval:
    """The middle `level` of resampled figures, around the figure as measured."""
    defined = figures[~np.isnan(figures)]
    if not len(defined):
        return Interval(value=value, low=math.nan, high=math.nan)
    tail = (1 - _checked(level)) / 2
    low, high = np.quantile(defined, (tail, 1 - tail))
    return Interval(value=value, low=float(low), high=float(high))


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise must_be("level", "between 0 and 1", level, "0.95 is usual.")
    return level
