"""Lower the learning rate when the validation metric has stopped getting better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from netwright._errors import must_be
from netwright.runs.records import Finding, Severity
from netwright.train.control import Command, Controller, SetLearningRate, View

__all__ = ["OnPlateau"]


class OnPlateau(Controller):
    """Multiplies the learning rate of every optimiser after `patience` validations without a gain.

    When to use it: nobody knows how long the training should take. A schedule that falls by itself
    is the better choice where the number of epochs is known.

    Differs: torch's `ReduceLROnPlateau` waits for `patience` bad ones and acts at the next; here
    the last of `patience` bad ones is what it acts at.

    Args:
        metric: name of the validation metric.
        higher_is_better: its direction.
        factor: what the rate is multiplied with, above 0 and below 1.
        patience: validations in a row that are no better than the best before them.
        least: a gain of more than this is one, in units of the metric.
        rest: validations after a change that are not counted.
        lowest: the rate is not brought below this share of the one it began with.
    """

    name = "on-plateau"
    owns = frozenset({SetLearningRate})

    def __init__(
        self,
        *,
        metric: str,
        higher_is_better: bool,
        factor: float = 0.1,
        patience: int = 5,
        least: float = 0.0,
        rest: int = 0,
        lowest: float = 1e-4,
    ) -> None:
        _check(factor=factor, patience=patience, least=least, rest=rest, lowest=lowest)
        self._metric, self._sign = metric, 1.0 if higher_is_better else -1.0
        self._factor, self._patience, self._least = factor, patience, least
        self._rest, self._lowest = rest, lowest
        self._begin()

    def _begin(self) -> None:
        self._best = -math.inf
        self._waited = self._resting = 0
        self._share = 1.0

    def after_stage_entered(self, view: View) -> Sequence[Command]:
        """Begin anew: each stage has its own rates."""
        self._begin()
        return ()

    def after_validation(self, view: View, *, metrics: Mapping[str, float]) -> Sequence[Command]:
        """Take in a score; lower the rates when it is time."""
        if self._metric not in metrics:
            raise must_be("metric", f"one that is measured ({', '.join(metrics)})", self._metric)
        score = self._sign * metrics[self._metric]
        if score > self._best + self._least:  # NaN is no gain
            self._best, self._waited = score, 0
        elif self._resting == 0:
            self._waited += 1
        self._resting = max(self._resting - 1, 0)
        if self._waited < self._patience or self._share <= self._lowest:
            return ()
        factor = max(self._factor, self._lowest / self._share)
        self._share *= factor
        self._waited, self._resting = 0, self._rest
        finding = self._told(view, factor=factor)
        return [
            SetLearningRate(optimizer=optimizer, factor=factor, finding=finding)
            for optimizer in view.learning_rates
        ]

    def _told(self, view: View, *, factor: float) -> Finding:
        rates = {name: rate * factor for name, rate in view.learning_rates.items()}
        shown = ", ".join(
            f"{f'of {name} ' if len(rates) > 1 else ''}from {view.learning_rates[name]:.3g} "
            f"to {rate:.3g}"
            for name, rate in rates.items()
        )
        times = "1 validation" if self._patience == 1 else f"{self._patience} validations in a row"
        return Finding(
            symptom="plateau",
            severity=Severity.NOTE,
            where="optimizer",
            step=max(view.step - 1, 0),
            measurements={
                "metric": self._metric,
                "best": self._sign * self._best if math.isfinite(self._best) else None,
                "epoch": view.epoch,
            },
            message=f"{self._metric} got no better in {times}: the learning rate goes {shown}.",
        )

    def state_dict(self) -> dict[str, Any]:
        """How long it has waited, and for what."""
        return {
            "best": self._best,
            "waited": self._waited,
            "resting": self._resting,
            "share": self._share,
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Wait on."""
        self._best, self._waited = state["best"], state["waited"]
        self._resting, self._share = state["resting"], state["share"]


def _check(*, factor: float, patience: int, least: float, rest: int, lowest: float) -> None:
    if not 0 < factor < 1:
        raise must_be("factor", "above 0 and below 1", factor)
    if not isinstance(patience, int) or patience < 1:
        raise must_be("patience", "a whole number of at least 1", patience)
    if not 0 <= least < math.inf:
        raise must_be("least", "at least 0", least)
    if rest < 0:
        raise must_be("rest", "at least 0", rest)
    if not 0 < lowest <= 1:
        raise must_be("lowest", "above 0 and at most 1", lowest)
