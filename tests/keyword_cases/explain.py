"""Keywords of the explanations."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from keyword_cases.case import Case
from netwright import explain
from netwright.explain.localisation import pointing_game
from netwright.explain.target import chosen, scores


def explained(name: str) -> Any:
    """A method's answers for two pictures and a small network."""

    def call(_: object, **keyword: Any) -> Any:
        return getattr(explain, name)(*small(), **keyword)

    return call


def small() -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    network: nn.Module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip
    return network, torch.rand(2, 3, 8, 8, generator=generator)


def pointed(_: object, **keyword: Any) -> Any:
    maps, masks = torch.zeros(1, 40, 40), torch.zeros(1, 40, 40, dtype=torch.bool)
    maps[0, 5, 5], masks[0, 15, 5] = 1.0, True
    return pointing_game(maps, masks, **keyword)


CASES = (
    {
        f"netwright.explain.{name}:{name}": Case(explained(name), {"target": [1, 2]})
        for name in ("gradient", "saliency")
    }
    | {
        f"netwright.explain.{name}:{name}": Case(
            explained(name), {"target": [1, 2], "layer": "0", "size": (4, 4)}
        )
        for name in ("grad_cam", "signed_grad_cam")
    }
    | {
        "netwright.explain.default_layer:default_layer": Case(
            explained("default_layer"), {"target": 9}
        ),
        "netwright.explain.localisation:pointing_game": Case(pointed, {"tolerance": 3}),
        "netwright.explain.target:scores": Case(
            lambda _, **keyword: scores(torch.tensor([[1.0, 3.0, 2.0]]), **keyword), {"target": 2}
        ),
        "netwright.explain.target:chosen": Case(
            lambda _, **keyword: chosen(torch.tensor([[1.0, 3.0, 2.0]]), **keyword), {"target": 2}
        ),
    }
)
EXEMPT: dict[str, str] = {}
