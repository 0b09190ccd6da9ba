"""What a sweep of learning rates tells.

Paper: Cyclical Learning Rates for Training Neural Networks, Smith 2017,
    https://arxiv.org/abs/1506.01186
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netwright._errors import must_be

__all__ = ["RangeTest", "has_diverged", "read_sweep", "smooth"]

_KEPT = 0.9  # share of the running mean that stays, a step
_SAFE = 10.0  # below the rate of the lowest loss, where the next steps would have diverged
_FELL = 0.05  # share of the first loss by which it must have fallen to count


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """Losses under rates that grew from step to step.

    Attributes:
        rates: of each step, growing by one ratio.
        losses: of each step's batch, before its update.
        smoothed: their running mean.
        lowest: rate at which `smoothed` is lowest; None where it fell nowhere.
        steepest: rate at which it falls most for a step of the rates; likewise.
        suggested: highest rate to train with; None where the sweep tells none.
        rule: where that comes from, in words.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    lowest: float | None
    steepest: float | None
    suggested: float | None
    rule: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def smooth(losses: Sequence[float]) -> list[float]:
    """Their running mean, in which the first counts no more than the others.

    Example:
        >>> [round(one, 3) for one in smooth([2.0, 1.0])]
        [2.0, 1.474]
    """
    found, total, weight = [], 0.0, 0.0
    for loss in losses:
        total = _KEPT * total + (1 - _KEPT) * loss
        weight = _KEPT * weight + (1 - _KEPT)
        found.append(total / weight)
    return found


def has_diverged(smoothed: Sequence[float]) -> bool:
    """Whether the loss is as far above where it began as it had been below, or not finite."""
    first, last = smoothed[0], smoothed[-1]
    if not math.isfinite(last):
        return True
    fell = max(first - min(smoothed), 0.5 * abs(first))
    return last > first + fell


def read_sweep(rates: Sequence[float], losses: Sequence[float]) -> RangeTest:
    """The rate that a sweep suggests: a tenth of that at which the smoothed loss is lowest.

    Args:
        rates: growing, at least 3.
        losses: one each, finite.
    """
    if len(rates) < 3:
        raise must_be(
            "rates", "at least 3 before the loss grows", len(rates), "Begin at a lower rate."
        )
    smoothed = smooth(losses)
    place = min(range(len(smoothed)), key=smoothed.__getitem__)
    told = {"rates": tuple(rates), "losses": tuple(losses), "smoothed": tuple(smoothed)}
    if smoothed[0] - smoothed[place] < _FELL * abs(smoothed[0]):
        nowhere = f"the loss falls nowhere between {rates[0]:.2g} and {rates[-1]:.2g}"
        return RangeTest(**told, lowest=None, steepest=None, suggested=None, rule=nowhere)
    falls = [smoothed[number] - smoothed[number + 1] for number in range(place)]
    steepest = rates[max(range(place), key=falls.__getitem__)]
    lowest = rates[place]
    rule = f"a tenth of {lowest:.2g}, where the smoothed loss is lowest"
    if place == len(rates) - 1:
        rule += ", at the end of the sweep: a higher end may tell more"
    return RangeTest(**told, lowest=lowest, steepest=steepest, suggested=lowest / _SAFE, rule=rule)
