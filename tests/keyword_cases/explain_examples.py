"""Keywords of the explanations by other examples."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from keyword_cases.explain import small
from netwright.explain.layer_features import layer_features
from netwright.explain.nearest import nearest
from netwright.explain.neighbours import neighbours


def alike(call: Any) -> Any:
    """Neighbours of two pictures among twelve, of various brightness."""

    def asked(_: object, **keyword: Any) -> Any:
        network, pictures = small()
        generator = torch.Generator().manual_seed(1)
        brightness = torch.arange(1, 13).view(12, 1, 1, 1)
        among = brightness * torch.rand(12, 3, 8, 8, generator=generator)
        return call(network, pictures, among, **keyword)

    return asked


CASES = {
    "netwright.explain.layer_features:layer_features": Case(
        alike(lambda network, pictures, _, **keyword: layer_features(network, pictures, **keyword)),
        {"layer": "0", "batch_size": 0},
    ),
    "netwright.explain.nearest:nearest": Case(
        alike(lambda _, pictures, among, **k: nearest(among.flatten(1), pictures.flatten(1), **k)),
        {"count": 2, "metric": "euclidean"},
    ),
    "netwright.explain.neighbours:neighbours": Case(
        alike(
            lambda network, pictures, among, **k: neighbours(network, pictures, among=among, **k)
        ),
        {"count": 2, "metric": "euclidean", "layer": "0", "batch_size": 0},
    ),
}
EXEMPT: dict[str, str] = {}
