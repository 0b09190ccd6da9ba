"""Learning-rate schedules: pure functions of the progress of a stage.

A schedule maps (step, steps) to the factor that the learning rate is multiplied with; step counts
from 0 to steps - 1. There is no state to save. One member of the family,
`on-plateau`, is no such function: it goes by the validation, and `train.on_plateau` carries it out.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, unknown

__all__ = [
    "CATALOGUE",
    "ON_PLATEAU",
    "Schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "create",
    "exponential",
    "one_cycle",
    "step_decay",
    "warm_up",
]

Schedule = Callable[[int, int], float]

ON_PLATEAU = "on-plateau"


def constant() -> Schedule:
    """The learning rate as it is."""
    return lambda step, steps: 1.0


def step_decay(*, every: float = 1 / 3, factor: float = 0.1) -> Schedule:
    """Multiply by `factor` after each share `every` of the stage.

    Example:
        >>> schedule = step_decay(every=0.5, factor=0.1)
        >>> schedule(49, 100), schedule(50, 100)
        (1.0, 0.1)
    """
    _check_share("every", every)
    _check_share("factor", factor)
    return lambda step, steps: float(factor ** math.floor(step / (every * steps) + 1e-9))


def exponential(*, final: float = 0.01) -> Schedule:
    """Fall by the same ratio each step, down to `final` at the end."""
    _check_share("final", final)
    return lambda step, steps: float(final ** (step / max(steps - 1, 1)))


def cosine(*, final: float = 0.0) -> Schedule:
    """Half a cosine from 1 to `final`.

    Paper: SGDR: Stochastic Gradient Descent with Warm Restarts, Loshchilov and Hutter 2017,
        https://arxiv.org/abs/1608.03983
    """
    if not 0 <= final <= 1:
        raise must_be("final", "between 0 and 1", final)

    def factor(step: int, steps: int) -> float:
        share = step / max(steps - 1, 1)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * share))

    return factor


def cosine_restarts(*, cycles: int = 3, multiplier: float = 2.0, final: float = 0.0) -> Schedule:
    """Half cosines from 1 to `final`, one after the other, each begun at the full rate again.

    When one descent settles in a narrow place, the next may leave it; the end of each cycle is a
    good moment to keep the weights of, and the last one ends with the stage.

    Paper: SGDR: Stochastic Gradient Descent with Warm Restarts, Loshchilov and Hutter 2017,
        https://arxiv.org/abs/1608.03983
    Differs: how many cycles there are is given, not how long the first is, so that a stage never
        ends within one.

    Args:
        cycles: at least 1.
        multiplier: each cycle takes this many times as long as the one before it.
        final: share of the rate at which a cycle ends.

    Example:
        >>> schedule = cosine_restarts(cycles=2, multiplier=2)
        >>> [round(schedule(step, 12), 2) for step in range(12)]
        [1.0, 0.85, 0.5, 0.15, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    if cycles < 1:
        raise must_be("cycles", "at least 1", cycles)
    if not 1 <= multiplier < math.inf:
        raise must_be("multiplier", "at least 1", multiplier)
    if not 0 <= final <= 1:
        raise must_be("final", "between 0 and 1", final)
    lengths = [multiplier**number for number in range(cycles)]

    def factor(step: int, steps: int) -> float:
        place = step / steps * sum(lengths)
        for length in lengths:
            if place < length * (1 - 1e-9):
                break
            place = max(place - length, 0.0)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * place / length))

    return factor


def warm_up(*, share: float = 0.05, then: str = "cosine", **options: Any) -> Schedule:
    """Rise in a line over the first `share` of the stage, then follow `then` over the rest."""
    _check_share("share", share)
    rest = create(then, **options)

    def factor(step: int, steps: int) -> float:
        rising = max(1, round(share * steps))
        if step < rising:
            return (step + 1) / rising
        return rest(step - rising, max(steps - rising, 1))

    return factor


def one_cycle(*, rise: float = 0.25, start: float = 0.04, final: float = 1e-4) -> Schedule:
    """Rise from `start` to 1 and fall to `final`, both along half a cosine.

    Paper: Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates,
        Smith and Topin 2018, https://arxiv.org/abs/1708.07120
    Differs: momentum is left alone, as the optimisers in use here gain little from cycling it.
    """
    _check_share("rise", rise)
    _check_share("start", start)
    if not 0 <= final <= 1:
        raise must_be("final", "between 0 and 1", final)

    def between(low: float, high: float, share: float) -> float:
        return low + (high - low) * 0.5 * (1 - math.cos(math.pi * share))

    def factor(step: int, steps: int) -> float:
        peak = rise * (steps - 1)
        if step <= peak:
            return between(start, 1.0, step / peak if peak > 0 else 1.0)
        return between(1.0, final, (step - peak) / (steps - 1 - peak))

    return factor


CATALOGUE = Catalogue(
    "schedule",
    (
        *(
            Entry(
                name=name,
                target=f"netwright.train.schedules:{name.replace('-', '_')}",
                summary=summary,
            )
            for name, summary in (
                ("constant", "the learning rate as it is"),
                ("step-decay", "a tenth after each third"),
                ("exponential", "the same ratio each step"),
                ("cosine", "half a cosine down"),
                (
                    "cosine-restarts",
                    "half cosines down, each longer and begun at the full rate again",
                ),
                ("warm-up", "a linear rise, then another schedule"),
                ("one-cycle", "up and down again along half cosines"),
            )
        ),
        Entry(
            name=ON_PLATEAU,
            target="netwright.train.on_plateau:OnPlateau",
            summary="lower when the validation metric gets no better",
        ),
    ),
)


def create(name: str, **options: Any) -> Schedule:
    """The schedule of that name.

    Raises:
        BadValue: an unknown name or option, or one that is no function of the step.
    """
    if name == ON_PLATEAU:
        raise must_be("schedule", "a function of the step", name, "Name it alone.")
    build: Callable[..., Schedule] = CATALOGUE.load(name)
    takes = inspect.signature(build).parameters
    passes_on = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
    for option in options:
        if option not in takes and not passes_on:
            raise unknown(f"option of schedule {name}", option, takes)
    return build(**options)


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise must_be(name, "above 0 and at most 1", value)
