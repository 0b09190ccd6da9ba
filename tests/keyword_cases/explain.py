"""Keywords of the explanations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from keyword_cases.case import Case
from netwright import explain
from netwright.explain.drawing import histograms as histogram_drawing
from netwright.explain.drawing import pictures as drawing
from netwright.explain.inside.target import chosen, scores
from netwright.explain.trials.localisation import pointing_game
from netwright.explain.trials.probability import log_probabilities


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


CASES = {
    f"netwright.explain.{name}:{name}": Case(
        explained(name), {"target": [1, 2], "layer": "0", "size": (4, 4)}
    )
    for name in ("grad_cam", "signed_grad_cam")
} | {
    "netwright.explain.default_layer:default_layer": Case(
        explained("default_layer"), {"target": 9}
    ),
    "netwright.explain.trials.localisation:pointing_game": Case(pointed, {"tolerance": 3}),
    "netwright.explain.inside.target:scores": Case(
        lambda _, **keyword: scores(torch.tensor([[1.0, 3.0, 2.0]]), **keyword), {"target": 2}
    ),
    "netwright.explain.inside.target:chosen": Case(
        lambda _, **keyword: chosen(torch.tensor([[1.0, 3.0, 2.0]]), **keyword), {"target": 2}
    ),
}


class Attending(nn.Module):
    """Four tokens of a picture, which attend once."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.attend = nn.Conv2d(3, 4, 4, 4), nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.cut(x).flatten(2).transpose(1, 2)
        return self.attend(tokens, tokens, tokens)[0].mean(1)


def pooled() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


CASES |= {
    "netwright.explain.guided_grad_cam:guided_grad_cam": Case(
        explained("guided_grad_cam"), {"target": [1, 2], "layer": "0"}
    ),
    "netwright.explain.cam:cam": Case(
        lambda _, **keyword: explain.cam(pooled(), small()[1], **keyword),
        {"target": [1, 2], "size": (3, 3)},
    ),
    "netwright.explain.attention_rollout:attention_rollout": Case(
        lambda _, **keyword: explain.attention_rollout(Attending(), small()[1], **keyword),
        {"target": 9, "size": (3, 3)},
    ),
}


def seen(method: Any, *given: Any) -> Any:
    """What a method says of the small network, in plain numbers."""

    def call(_: object, **keyword: Any) -> Any:
        found = method(small()[0].eval(), *given, **keyword)
        return np.asarray(found) if hasattr(found, "getpixel") else found

    return call


_START = torch.linspace(0, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
_MAXIMISED = {
    "target": 1, "layer": "0", "steps": 5, "step_size": 0.2, "l2": 0.5, "jitter": 2,
    "frequency_prior": 1.0, "limits": (torch.tensor(0.2), torch.tensor(0.4)),
}  # fmt: skip

CASES |= {
    "netwright.explain.feature_maps:feature_maps": Case(
        explained("feature_maps"), {"layer": "1", "most": 2}
    ),
    "netwright.explain.filters:filters": (
        Case(seen(explain.filters), {"layer": "1", "channel": 1, "together": True}),
    ),
    "netwright.explain.weights:weights": Case(
        seen(explain.weights), {"layer": "0", "shape": (1, 8, 8)}
    ),
    "netwright.explain.histograms:histograms": (
        Case(seen(explain.histograms), {"inputs": _START, "bins": 5}),
        Case(seen(explain.histograms, _START), {"loss": torch.sum}),
    ),
    "netwright.explain.activation_maximisation:activation_maximisation": (
        Case(seen(explain.activation_maximisation, _START), _MAXIMISED),
        Case(seen(explain.activation_maximisation, (1, 3, 8, 8)), {"seed": 1}),
    ),
    "netwright.explain.drawing.pictures:draw_feature_maps": Case(
        seen(drawing.draw_feature_maps, _START), {"most": 2}
    ),
    "netwright.explain.drawing.pictures:draw_activation_maximisation": Case(
        seen(drawing.draw_activation_maximisation, _START), {"columns": 1}
    ),
    "netwright.explain.drawing.histograms:draw_histograms": Case(
        seen(histogram_drawing.draw_histograms), {"inputs": _START}
    ),
    "netwright.explain.drawing.pictures:tiles": Case(
        lambda _, **keyword: np.asarray(drawing.tiles(_START[:, :1], **keyword)),
        {"columns": 1, "smallest": 9},
    ),
}
CASES |= {
    f"netwright.explain.occlusion:{name}": Case(
        explained(name),
        {"target": [1, 2], "window": 3, "stride": 3, "fill": 0.5, "batch_size": 0},
    )
    for name in ("occlusion", "occlusion_grid")
} | {
    "netwright.explain.trials.probability:log_probabilities": Case(
        lambda _, **keyword: log_probabilities(torch.tensor([[1.0, 3.0, 2.0]]), **keyword),
        {"target": 2},
    ),
}
EXEMPT: dict[str, str] = {}
