"""Which learning rate to use, found by a short sweep on a copy."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from netwright import _random
from netwright._errors import must_be
from netwright.methods.base import Method
from netwright.runs.recipe import Recipe
from netwright.train.control import Command, Controller, Observer, Stop, View
from netwright.train.loop import Loop
from netwright.train.range_test import RangeTest, has_diverged, read_sweep, smooth
from netwright.workflow.build import make_optimizers, settings_of
from netwright.workflow.defaults import SEARCHES
from netwright.workflow.session import Given, Session, open_session

if TYPE_CHECKING:
    from netwright.data.batch import Streams
    from netwright.train.update import Outcome

__all__ = ["draw_sweep", "range_test"]

_EPOCHS = 1_000_000  # the sweep ends by itself
_SETTLED = 10  # steps before a rising loss is believed


def range_test(
    recipe: Recipe,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    method: Method | None = None,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> RangeTest:
    """Train a copy with a rate that grows from step to step; nothing is written or left changed.

    It ends before `steps` where the loss diverges. The recipe's own schedule is left aside.

    Args:
        recipe: whole or in part; what it leaves out is chosen by the data.
        data: in place of what it names; arrays and loaders have no name.
        model: an object in place of a name.
        method: likewise.
        low: rate of the first step, above 0.
        high: rate of the last.
        steps: of one batch each; between them the rate grows by one ratio.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    if not 0 < low < high < math.inf:
        raise must_be("low", f"above 0 and below high ({high})", low)
    if steps < 10:
        raise must_be("steps", "at least 10", steps, "100 give a smooth curve.")
    with _random.isolated():
        beginning = recipe.with_fields({"optimizer.learning_rate": low})
        session = open_session(beginning, Given(data=data, model=model, method=method))
        sweep = _Sweep(steps)
        _loop(session, sweep, growth=(high / low) ** (1 / (steps - 1))).run()
    return read_sweep(sweep.rates, sweep.losses)


class _Sweep(Observer):
    """Keeps rates and losses until the loss diverges."""

    def __init__(self, steps: int) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.is_over = False
        self._steps = steps

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Outcome) -> None:
        """Take in a step."""
        loss = float(outcome.mean)
        if not math.isfinite(loss) or not outcome.applied:
            self.is_over = True
            return
        self.rates.append(next(iter(view.learning_rates.values())))
        self.losses.append(loss)
        diverged = len(self.losses) > _SETTLED and has_diverged(smooth(self.losses))
        self.is_over = diverged or len(self.losses) >= self._steps


class _Enough(Controller):
    """Ends the sweep."""

    name = "range-test"
    owns = frozenset({Stop})

    def __init__(self, sweep: _Sweep) -> None:
        self._sweep = sweep

    def after_step(self, view: View) -> Sequence[Command]:
        """When it is over."""
        return (Stop(reason="range test"),) if self._sweep.is_over else ()


def _loop(session: Session, sweep: _Sweep, *, growth: float) -> Loop:
    recipe, method = session.recipe, copy.deepcopy(session.method)
    name = recipe.optimizer.name if recipe.optimizer is not None else ""
    if name in SEARCHES:
        raise must_be("optimizer", "one that does not look for its own step length", name)
    stage = next(iter(method.stages()))
    if len(method.phases(stage)) != 1:
        raise must_be(
            "method",
            "of one phase for a range test, which has one loss to look at",
            type(method).__name__,
        )
    return Loop(
        method,
        {"train": session.prepared.train_source(recipe)},
        make_optimizer=make_optimizers(recipe, method),
        settings=replace(settings_of(recipe), epochs=_EPOCHS, ema_decay=None),
        schedule=lambda step, steps: growth**step,
        device=session.device,
        observers=[sweep],
        controllers=[_Enough(sweep)],
    )


def draw_sweep(found: RangeTest, path: Path) -> None:
    """Draw loss over rate into a file; its ending says which kind (.svg, .png, .pdf)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(found.rates, found.losses, color="#9db4c0", linewidth=0.8, label="a batch")
    axes.plot(found.rates, found.smoothed, color="#1f5673", linewidth=1.8, label="running mean")
    axes.set_xscale("log")
    top = found.smoothed[0] + (found.smoothed[0] - min(found.smoothed)) * 0.6
    axes.set_ylim(min(*found.losses, *found.smoothed) - 0.02 * abs(top), top)
    if found.suggested is not None:
        shown = f"suggested {found.suggested:.2g}"
        axes.axvline(found.suggested, color="#c8553d", linewidth=1.2, label=shown)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise must_be("picture", "a file that can be written", str(path), f"{error}.") from error
