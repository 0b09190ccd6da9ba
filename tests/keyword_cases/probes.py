"""Keywords of the instruments."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from keyword_cases.case import Case
from netwright.probes import schedule
from netwright.probes.activations import Activations
from netwright.probes.distributions import Distributions
from netwright.probes.gradients import Gradients
from netwright.probes.histogram import histogram, tally
from netwright.probes.signal import signal_propagation
from netwright.probes.updates import Updates
from netwright.probes.weights import Weights


def watched(make: Any) -> Any:
    """What a probe reads over four steps of a small network."""

    def call(_: object, **keyword: Any) -> list[Any]:
        module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        readings = []
        with make(module, **keyword) as probe:
            for step in range(4):
                probe.at(step)
                optimizer.zero_grad()
                module(torch.linspace(-1, 1, 6).reshape(2, 3)).square().sum().backward()
                optimizer.step()
                readings.append((probe.read(), getattr(probe, "found", None)))
        return readings

    return call


def passed(_: object, **keyword: Any) -> Any:
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    return signal_propagation(network, torch.linspace(-1, 1, 6).reshape(2, 3), **keyword).to_json()


def steps(when: Any) -> list[int]:
    return [step for step in range(200) if when(step)]


CASES = {
    **{
        f"netwright.probes.{probe.__name__.lower()}:{probe.__name__}": Case(
            watched(probe), {"when": schedule.every(2)}
        )
        for probe in (Activations, Gradients, Updates, Weights)
    },
    "netwright.probes.distributions:Distributions": Case(
        watched(Distributions), {"when": schedule.every(2), "bins": [-0.5, 0.0, 0.5]}
    ),
    "netwright.probes.histogram:histogram": Case(
        lambda _, **keyword: histogram(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), **keyword),
        {"bins": 3, "unit_axis": 0},
    ),
    "netwright.probes.histogram:tally": Case(
        lambda _, **keyword: tally(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), **keyword),
        {"bins": 3, "unit_axis": 0},
    ),
    "netwright.probes.signal:signal_propagation": Case(
        passed, {"loss": lambda scores: scores.square().sum()}
    ),
    "netwright.probes.schedule:every": Case(
        lambda _, **keyword: steps(schedule.every(10, **keyword)), {"offset": 3}
    ),
    "netwright.probes.schedule:logarithmic": Case(
        lambda _, **keyword: steps(schedule.logarithmic(**keyword)), {"per_decade": 3}
    ),
}
EXEMPT: dict[str, str] = {}
