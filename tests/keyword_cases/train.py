"""Keywords of the loop and what it is made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from keyword_cases.case import Case
from netwright.train import early_stopping, schedules
from netwright.train.optimizers.lookahead_nesterov import LookaheadNesterov


def course(schedule: Any) -> Any:
    """The factors that a schedule gives over a stage."""
    return lambda _, **keyword: [schedule(**keyword)(step, 40) for step in range(40)]


def stepped(_: object, **keyword: Any) -> nn.Module:
    """A module after three steps on a quadratic."""
    module = nn.Linear(3, 1)
    if "lr" in keyword:
        optimizer = LookaheadNesterov(module.parameters(), keyword.pop("lr"), **keyword)
    else:
        optimizer = LookaheadNesterov(module.parameters(), **keyword)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = module(torch.ones(2, 3)).square().sum()
        loss.backward()
        return loss

    for _step in range(3):
        optimizer.step(closure)
    return module


CASES = {
    "netwright.train.early_stopping:no_change": Case(
        lambda _, **keyword: early_stopping.no_change(epochs=2, **keyword)([0.5, 0.6, 0.7]),
        {"least": 0.5},
    ),
    "netwright.train.optimizers.lookahead_nesterov:LookaheadNesterov": Case(
        stepped, {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1}
    ),
    "netwright.train.schedules:cosine": Case(course(schedules.cosine), {"final": 0.1}),
    "netwright.train.schedules:exponential": Case(course(schedules.exponential), {"final": 0.1}),
    "netwright.train.schedules:one_cycle": Case(
        course(schedules.one_cycle), {"rise": 0.5, "start": 0.2, "final": 0.1}
    ),
    "netwright.train.schedules:step_decay": Case(
        course(schedules.step_decay), {"every": 0.1, "factor": 0.5}
    ),
    "netwright.train.schedules:warm_up": Case(
        course(schedules.warm_up), {"share": 0.5, "then": "constant"}
    ),
}
EXEMPT: dict[str, str] = {}
