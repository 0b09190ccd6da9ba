"""Keywords of the explanations by gradients, plain, under a rule, and averaged."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from keyword_cases.explain import explained, small
from netwright import explain
from netwright.explain.inside.at_layer import Place


def of_a_unit(_: object, **keyword: Any) -> Any:
    return explain.deconvnet(*small(), layer="0", **keyword)


def missing(_: object, **keyword: Any) -> Any:
    return explain.completeness(*small(), values=torch.zeros(2, 1), **keyword)


PLAIN = {"target": [1, 2], "layer": "0"}
AVERAGED = PLAIN | {"batch_size": 0}

CASES = {
    f"netwright.explain.{name}:{name}": Case(explained(name), changed)
    for name, changed in {
        "gradient": PLAIN,
        "guided_backprop": {"target": [1, 2]},
        "integrated_gradients": AVERAGED | {"baseline": torch.ones(3, 8, 8), "steps": 3},
        "saliency": PLAIN,
        "smoothgrad": AVERAGED | {"noise": 0.3, "samples": 3, "seed": 1},
    }.items()
} | {
    "netwright.explain.deconvnet:deconvnet": (
        Case(explained("deconvnet"), PLAIN),
        Case(of_a_unit, {"unit": 3}),
    ),
    "netwright.explain.trials.completeness:completeness": Case(
        missing, {"target": [1, 2], "layer": "4", "baseline": torch.ones(3, 8, 8)}
    ),
    "netwright.explain.inside.at_layer:Place": Case(
        lambda _, **keyword: Place(small()[0], **keyword).values(small()[1]), {"layer": "0"}
    ),
}
EXEMPT: dict[str, str] = {}
