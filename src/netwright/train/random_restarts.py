"""The best of several starts from other random weights, by the validation."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from netwright._errors import must_be
from netwright.methods.base import Method, Stage
from netwright.train.selection import Best
from netwright.train.snapshot import own_copy

if TYPE_CHECKING:
    from netwright.train.loop import Loop

__all__ = ["RandomRestarts", "close_start", "renew_start", "stages_of", "start_of"]

Lay = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""From whole weights to weights as the method that learns keeps its own."""


class RandomRestarts:
    """Carries out every stage of a method again from other weights, and keeps the best outcome.

    When to use it: small networks and few data, where what is reached depends on the start and a
    run is cheap. Where it is not, one longer run is mostly the better use of the time.

    Args:
        count: starts, the first included.
        make: the method as the start of a number begins, 1 being the second.

    Attributes:
        scores: of the starts that are done, higher is better.
        best: weights and score of the best of them.
        chosen: its number, from 1.
    """

    def __init__(self, count: int, *, make: Callable[[int], Method]) -> None:
        if count < 2:
            raise must_be("restarts", "at least 2 to choose from", count)
        self.count = count
        self.scores: list[float] = []
        self.best = Best()
        self.chosen = 0
        self._make = make

    def renew(self, method: Method, *, number: int, lay: Lay) -> None:
        """Bring `method` to where the start of that number begins."""
        fresh = self._make(number)
        method.load_state_dict(lay(fresh.state_dict()))
        for name, part in method.stateful.items():
            part.load_state_dict(copy.deepcopy(fresh.stateful[name].state_dict()))
        trains = {name: parameter.requires_grad for name, parameter in fresh.named_parameters()}
        for name, parameter in method.named_parameters():
            parameter.requires_grad_(trains[name])

    def end(self, best: Best, *, weights: dict[str, Tensor]) -> None:
        """Take in what a start came to; of equal ones the first counts.

        Args:
            best: its best validation.
            weights: that it ended with.
        """
        score = -math.inf if best.score is None else best.score
        self.scores.append(score)
        if self.chosen == 0 or score > self.scores[self.chosen - 1]:
            self.chosen = len(self.scores)
            self.best = Best(best.score, best.step, best.epoch, own_copy(weights))

    def state_dict(self) -> dict[str, Any]:
        """What the starts so far came to."""
        return {
            "scores": list(self.scores),
            "chosen": self.chosen,
            "best": vars(self.best).copy(),
        }

    def load_state_dict(self, state: dict[str, Any], /, *, lay: Lay) -> None:
        """Go on with the next start."""
        self.scores, self.chosen = list(state["scores"]), state["chosen"]
        self.best = Best(**state["best"])
        if self.best.weights is not None:
            self.best.weights = lay(self.best.weights)


def stages_of(method: Method, restarts: RandomRestarts | None) -> list[Stage]:
    """The stages of a run: those of the method, once for each start."""
    if restarts is None:
        return list(method.stages())
    if not method.metrics():
        raise must_be("restarts", "left out for a method without metrics", restarts.count)
    return list(method.stages()) * restarts.count


def start_of(loop: Loop) -> tuple[int, int]:
    """Which start is under way, from 1, and of how many."""
    if loop.restarts is None:
        return 1, 1
    stage = min(loop.counters.stage, loop.stage_count - 1)
    return stage * loop.restarts.count // loop.stage_count + 1, loop.restarts.count


def renew_start(loop: Loop) -> None:
    """Other weights, where the stage is the first of another start."""
    from netwright.train.state import laid_out

    number, count = start_of(loop)
    first = (number - 1) * loop.stage_count // count
    if loop.restarts is not None and number > 1 and loop.counters.stage == first:
        lay = partial(laid_out, loop)
        loop.restarts.renew(loop.method, number=number - 1, lay=lay)


def close_start(loop: Loop) -> bool:
    """Take in what a start came to, where this was its last stage.

    Returns:
        Whether it was the last start, and the method holds the best one's weights.
    """
    restarts, stage, ending = loop.restarts, loop.counters.stage + 1, loop.ending
    if restarts is None or (ending is not None and ending.reason == "interrupted"):
        return False
    is_last = stage * restarts.count % loop.stage_count == 0
    if not is_last and ending is None:
        return False
    restarts.end(loop.best, weights=loop.method.state_dict())
    if stage < loop.stage_count and ending is None:
        return False
    loop.best = restarts.best
    loop.method.load_state_dict(loop.best.weights or {}, strict=False)
    return True
