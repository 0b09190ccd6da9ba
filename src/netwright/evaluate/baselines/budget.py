"""How many training examples a model can be given in the time and the memory there are."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

from netwright._errors import must_be
from netwright.evaluate.baselines.answers import answers, fitted
from netwright.evaluate.baselines.examples import Parts
from netwright.evaluate.baselines.family import Family, Maker

__all__ = ["Budget", "NotAffordable", "affordable"]

_FIRST, _STEP = 1000, 3
_WARMING = 100
_TRIED = 500  # examples whose answers are timed
_GROWTH = 1.5  # between what is linear in the examples and what is quadratic


class NotAffordable(Exception):
    """Not even a few examples fit in the budget."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one model may take.

    Attributes:
        seconds: for choosing, fitting and answering, about.
        memory: bytes for its columns.
    """

    seconds: float = 60.0
    memory: float = 2e9

    def __post_init__(self) -> None:
        for name, value in (("seconds", self.seconds), ("memory", self.memory)):
            if not value > 0:
                raise must_be(name, "above 0", value)


def affordable(family: Family, parts: Parts, *, budget: Budget, seed: int) -> int:
    """Training examples that the budget allows; tried out on growing parts of them.

    Raises:
        NotAffordable: not even the first part.
    """
    train = parts.train
    whole = family.bytes_of(train)
    most = len(train) if whole <= budget.memory else int(len(train) * budget.memory / whole)
    if most < min(_FIRST, len(train)):
        raise NotAffordable(
            f"{len(train)} examples would take {whole / 1e9:.3g} GB, of {budget.memory / 1e9:.3g}"
        )
    if most <= _FIRST:
        return most
    maker, count = family.maker(parts.kind), _FIRST
    while True:
        taken = _whole_cost(maker, parts, count=count, seed=seed)
        if taken > budget.seconds:
            if count == _FIRST:
                raise NotAffordable(
                    f"{count} examples would take {taken:.0f} s, of {budget.seconds:g}"
                )
            return count // _STEP
        more = min(count * _STEP, most)
        if count == most or taken * (more / count) ** _GROWTH > budget.seconds:
            return _within(count, most, room=budget.seconds / max(taken, 1e-9))
        if taken * (most / count) ** 2 < budget.seconds:
            return most
        count = more


def _within(count: int, most: int, *, room: float) -> int:
    return min(most, int(count * room ** (1 / _GROWTH)))


def _whole_cost(maker: Maker, parts: Parts, *, count: int, seed: int) -> float:
    """Seconds that choosing from the whole grid and answering would take with `count` examples."""
    train = parts.train.some(count, seed=seed)
    tried = parts.test.some(_TRIED, seed=seed)
    dearest = maker.grid[-1]  # in the catalogue the last of a grid costs most
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is only tried out says nothing
        few = train.some(_WARMING, seed=seed)
        fitted(maker.make(dearest, seed=seed), few, kind=parts.kind)  # loading is no work
        begin = time.perf_counter()
        estimator = fitted(maker.make(dearest, seed=seed), train, kind=parts.kind)
        between = time.perf_counter()
        answers(estimator, tried.rows, kind=parts.kind, train=train, names=len(parts.names))
        answering = (time.perf_counter() - between) / len(tried)
    fits, val, test = len(maker.grid), len(parts.val), len(parts.test)
    return fits * (between - begin) + answering * (fits * val + test)
