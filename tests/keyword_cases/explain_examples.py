"""Keywords of the explanations by other examples."""

from __future__ import annotations

from typing import Any

import torch

from keyword_cases.case import Case
from keyword_cases.explain import small
from netwright.explain.approximate_neighbours import ApproximateNeighbours
from netwright.explain.drawing.matches import drawn_matches
from netwright.explain.feature_matching import Matches, feature_matching
from netwright.explain.inside.layer_features import layer_features
from netwright.explain.nearest import nearest
from netwright.explain.neighbours import neighbours
from netwright.explain.prototypes import prototypes
from netwright.explain.style_transfer import style_transfer
from netwright.explain.texture_or_shape import texture_or_shape


def alike(call: Any) -> Any:
    """Neighbours of two pictures among twelve, of various brightness."""

    def asked(_: object, **keyword: Any) -> Any:
        network, pictures = small()
        generator = torch.Generator().manual_seed(1)
        brightness = torch.arange(1, 13).view(12, 1, 1, 1)
        among = brightness * torch.rand(12, 3, 8, 8, generator=generator)
        return call(network, pictures, among, **keyword)

    return asked


def linked(_: object, **keyword: Any) -> Any:
    return ApproximateNeighbours(ROWS, **keyword).nearest(ROWS[:20] * ROWS[20:40], count=9)


def paired(_: object, **keyword: Any) -> Any:
    network, pictures = small()
    other = pictures.roll(1, 2) + 0.2 * pictures.flip(3)
    return feature_matching(network, pictures, other=other, layer="0", **keyword)


def joined(_: object, **keyword: Any) -> Any:
    ends = torch.tensor([[1.0, 1.0], [6.0, 2.0]])
    found = Matches(first=ends, second=ends, distance=torch.zeros(2))
    picture = torch.zeros(3, 8, 8)
    return drawn_matches(found, first=picture, second=picture, **keyword).tobytes()


def painted(_: object, **keyword: Any) -> Any:
    network, pictures = small()
    return style_transfer(
        network, pictures, styles=pictures.flip(0), content="1", textures=["0"],
        **{"steps": 2, **keyword},
    )  # fmt: skip


def decided(_: object, **keyword: Any) -> Any:
    network, pictures = small()
    return texture_or_shape(network, pictures, shapes=[0, 0], textures=[1, 1], **keyword)


ROWS = torch.randn(400, 8, generator=torch.Generator().manual_seed(2))
CASES = {
    "netwright.explain.approximate_neighbours:ApproximateNeighbours": Case(
        linked, {"metric": "euclidean", "links": 1}
    ),
    "netwright.explain.feature_matching:feature_matching": Case(paired, {"ratio": 0.5}),
    "netwright.explain.drawing.matches:drawn_matches": Case(joined, {"most": 1}),
    "netwright.explain.style_transfer:style_transfer": Case(painted, {"weight": 1.0, "steps": 3}),
    "netwright.explain.texture_or_shape:texture_or_shape": Case(
        decided, {"groups": [[0], []], "batch_size": 0}
    ),
    "netwright.explain.inside.layer_features:layer_features": Case(
        alike(lambda network, pictures, _, **keyword: layer_features(network, pictures, **keyword)),
        {"layer": "0", "batch_size": 0},
    ),
    "netwright.explain.nearest:nearest": Case(
        alike(lambda _, pictures, among, **k: nearest(among.flatten(1), pictures.flatten(1), **k)),
        {"count": 2, "metric": "euclidean"},
    ),
    "netwright.explain.prototypes:prototypes": Case(
        lambda _, **keyword: [
            one.index.tolist() for one in prototypes(ROWS, torch.arange(400) % 3, **keyword)
        ],
        {"count": 1, "right": torch.arange(400) < 9},
    ),
    "netwright.explain.neighbours:neighbours": Case(
        alike(
            lambda network, pictures, among, **k: neighbours(network, pictures, among=among, **k)
        ),
        {"count": 2, "metric": "euclidean", "layer": "0", "batch_size": 0},
    ),
}
EXEMPT: dict[str, str] = {}
