"""Keywords of what says how far to trust an explanation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright import explain
from netwright.explain.trials.ordering import ordered
from netwright.explain.trials.probability import probabilities
from netwright.explain.trials.similarity import top_overlap

FLAT = torch.ones(2, 8, 8)
SLOPES = torch.arange(128.0).view(2, 8, 8)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


def trusted(name: str, **fixed: Any) -> Any:
    """A judgement of two pictures and a small network, drawn anew each time."""

    def call(_: object, **keyword: Any) -> Any:
        pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        return getattr(explain, name)(network(), pictures, **(fixed | keyword))

    return call


def twins(_: object, **keyword: Any) -> Any:
    given = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return explain.label_randomisation(
        network(), given, twin=network(), method="gradient", **keyword
    )


def overlapping(_: object, **keyword: Any) -> Tensor:
    rows = torch.arange(100.0)[None]
    return top_overlap(rows, rows.roll(30, 1), **keyword)


def contribution(model: nn.Module, inputs: Tensor, *, target: Any) -> Tensor:
    return inputs * explain.gradient(model, inputs, target=target)


def judged(_: object, **keyword: Any) -> Any:
    given = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    fixed = {"methods": [contribution], "count": 2}
    found = explain.judge(network(), given, **(fixed | keyword)).to_json()
    for row in found["rows"]:
        row.pop("seconds")  # of the clock
    for one in found["left_out"]:
        one.pop("reason")  # tells of them
    return found


MASKS = torch.zeros(3, 8, 8, dtype=torch.bool)
MASKS[:, 2:5, 3:7] = True
ROW = torch.tensor([[1.0, 3.0, 2.0]])
CURVES = {"target": [1, 2], "steps": 3, "fill": 2.0, "batch_size": 0}
REDRAWN = {"target": [1, 2], "layers": ["4"], "seed": 1}
SHAKEN = {"target": [1, 2], "attack": explain.RandomSigns(draws=1), "epsilon": 0.5, "top": 0.5}

CASES: dict[str, Case | tuple[Case, ...]] = {
    **{
        f"netwright.explain.trials.{name}:{name}": (
            Case(trusted(name, maps=SLOPES), CURVES),
            Case(trusted(name, maps=FLAT), {"seed": 1}),
        )
        for name in ("deletion", "insertion")
    },
    **{
        f"netwright.explain.trials.{name}:{name}": Case(trusted(name, method="gradient"), REDRAWN)
        for name in ("parameter_randomisation", "layer_randomisation")
    },
    "netwright.explain.random_map:random_map": Case(
        trusted("random_map"), {"target": 3, "seed": 1}
    ),
    "netwright.explain.trials.label_randomisation:label_randomisation": Case(
        twins, {"target": [1, 2]}
    ),
    "netwright.explain.trials.fragility:fragility": Case(
        trusted("fragility", method="gradient"), SHAKEN
    ),
    "netwright.explain.trials.trust:trust": (
        Case(
            trusted("trust", maps=SLOPES),
            {"target": [1, 2], "steps": 3, "seed": 1, "method": "gradient", "batch_size": 0},
        ),
        Case(trusted("trust", maps=SLOPES, method="gradient"), {"draws": 0, "seconds": 0.0}),
    ),
    "netwright.explain.trials.shift_invariance:shift_invariance": Case(
        trusted("shift_invariance", method=contribution), {"target": [1, 2], "shift": -2.0}
    ),
    "netwright.explain.trials.judge:judge": (
        Case(
            judged,
            {"masks": MASKS, "twin": network(), "count": 1, "steps": 3, "draws": 1, "seed": 1},
        ),
        Case(judged, {"methods": ["gradient"], "seconds": 0.0, "batch_size": 0}),
    ),
    "netwright.explain.trials.ordering:ordered": Case(
        lambda _, **keyword: ordered(torch.ones(50), **keyword), {"seed": 1}
    ),
    "netwright.explain.trials.probability:probabilities": Case(
        lambda _, **keyword: probabilities(ROW, **keyword), {"target": 0}
    ),
    "netwright.explain.trials.similarity:top_overlap": Case(overlapping, {"share": 0.5}),
}
EXEMPT: dict[str, str] = {}
