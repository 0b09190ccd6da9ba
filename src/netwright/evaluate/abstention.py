"""A model that may keep silent: what it gains in accuracy for what it leaves unanswered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from netwright._errors import must_be
from netwright._statistics import Interval, bootstrap_weighted
from netwright.metrics.base import Prediction
from netwright.metrics.probabilities import class_probabilities

__all__ = ["Abstention", "RiskCoverage", "confidence", "guaranteed_abstention", "risk_coverage"]

Array = NDArray[np.float64]

_TRIES = 20  # thresholds: more are finer, and each a little less sure


def confidence(prediction: Prediction) -> Float[Tensor, "n"]:
    """How sure each answer is: the probability of the likeliest class."""
    return class_probabilities(prediction).double().amax(dim=1)


@dataclass(frozen=True)
class RiskCoverage:
    """What share of examples is answered at each threshold, and what share of answers is wrong.

    Attributes:
        coverage: (m,) increasing; one entry a different confidence.
        risk: (m,) of the answered.
        threshold: (m,) the confidence from which on is answered.
        area: under the risk, over all coverages, with its bootstrap interval (AURC).
    """

    coverage: Array
    risk: Array
    threshold: Array
    area: Interval

    def risk_at(self, coverage: float) -> float:
        """The share of wrong answers when at least `coverage` is answered."""
        if not 0 < coverage <= 1:
            raise must_be("coverage", "above 0 and at most 1", coverage)
        place = int(np.searchsorted(self.coverage, coverage - 1e-12))
        return float(self.risk[place])

    def coverage_at(self, risk: float) -> float:
        """The largest share that can be answered with at most `risk` wrong, on these examples.

        Chosen by the same examples that it is told of: `guaranteed_abstention` is for what is new.
        """
        kept = self.coverage[self.risk <= risk + 1e-12]
        return float(kept[-1]) if len(kept) else 0.0


def risk_coverage(
    sure: Float[Tensor, "n"], wrong: Bool[Tensor, "n"], *, n_resamples: int = 1000, seed: int = 0
) -> RiskCoverage:
    """The curve of risk over coverage; answers that are as sure come in together.

    Paper: Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers, 2019 (AURC),
        https://arxiv.org/abs/1805.08206

    Args:
        sure: confidence of each answer.
        wrong: whether it is wrong.
        n_resamples: of the area's bootstrap.
        seed: likewise.
    """
    if not len(sure) or sure.shape != wrong.shape:
        raise must_be("wrong", f"one for each of {len(sure)} answers", tuple(wrong.shape))
    order = sure.argsort(descending=True, stable=True)
    ranked, errors = sure[order].numpy(), wrong[order].double().numpy()
    last = np.append(ranked[1:] != ranked[:-1], True)  # of those that are as sure
    group_end = np.flatnonzero(last)[np.cumsum(np.append(0, last[:-1]))]

    def area(weights: Array) -> Array:
        answered = np.cumsum(weights, axis=0)[group_end]
        risk = np.cumsum(errors[:, None] * weights, axis=0)[group_end] / np.maximum(answered, 1e-12)
        return np.asarray((weights * risk).sum(axis=0) / weights.sum(axis=0))

    answered = np.arange(1, len(ranked) + 1)
    return RiskCoverage(
        (answered / len(ranked))[last],
        (np.cumsum(errors) / answered)[last],
        ranked[last],
        bootstrap_weighted(area, len(ranked), n_resamples=n_resamples, seed=seed),
    )


@dataclass(frozen=True, kw_only=True)
class Abstention:
    """From which confidence on a model answers.

    Attributes:
        threshold: answers that are less sure are withheld.
        risk: what share of its answers may be wrong.
        delta: how likely it may be, over calibrations, that more are.
        bound: the share that is not exceeded with probability 1 − delta.
        coverage: of the calibration examples that are answered.
        n: of calibration examples.
    """

    threshold: float
    risk: float
    delta: float
    bound: float
    coverage: float
    n: int

    def answers(self, prediction: Prediction) -> Bool[Tensor, "n"]:
        """Which examples are answered."""
        return confidence(prediction) >= self.threshold

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """From what `to_json` gave."""
        return cls(**content)


def guaranteed_abstention(
    sure: Float[Tensor, "n"], wrong: Bool[Tensor, "n"], *, risk: float, delta: float = 0.05
) -> Abstention:
    """The threshold that answers most while the risk is kept, with a guarantee for new examples.

    A few thresholds are tried; each gets the exact upper bound of a share at a confidence of delta
    over the number of tries, so that all of them hold together.

    Paper: Selective Classification for Deep Neural Networks, 2017, https://arxiv.org/abs/1705.08500
    Differs: thresholds at even steps of coverage instead of by bisection, which goes astray where
        few are answered: there the bound is large again.

    Args:
        sure: confidence of each answer, on examples that nothing else was chosen by.
        wrong: whether it is wrong.
        risk: what share of answers may be wrong.
        delta: how likely it may be that more are.

    Raises:
        BadValue: no threshold can promise that; the least risk that one can is named.
    """
    if not (0 < risk < 1 and 0 < delta < 1):
        raise must_be("risk", "a share, as delta is", (risk, delta))
    order = sure.argsort(descending=True, stable=True)
    ranked, errors = sure[order].numpy(), wrong[order].double().cumsum(dim=0).numpy()
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    # where each share of the examples is answered, with all that are as sure as the last of them
    wanted = np.ceil(np.arange(1, _TRIES + 1) * len(ranked) / _TRIES) - 1
    best: Abstention | None = None
    least = 1.0
    for place in np.unique(last[np.searchsorted(last, wanted)]).tolist():
        bound = _upper_share(int(errors[place]), place + 1, level=1 - delta / _TRIES)
        least = min(least, bound)
        if bound <= risk:
            best = Abstention(
                threshold=float(ranked[place]),
                risk=risk,
                delta=delta,
                bound=bound,
                coverage=(place + 1) / len(ranked),
                n=len(ranked),
            )
    if best is None:
        raise must_be(
            "risk",
            f"one that {len(ranked)} examples can promise; the least found is {least:.3g}",
            risk,
            "Allow more, or calibrate on more examples.",
        )
    return best


def _upper_share(successes: int, count: int, *, level: float) -> float:
    """The exact one-sided upper bound of a share (Clopper and Pearson)."""
    from scipy.stats import beta

    return 1.0 if successes >= count else float(beta.ppf(level, successes + 1, count - successes))
