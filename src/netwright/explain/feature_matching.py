"""Places of one picture that look to a model like places of another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from netwright._errors import must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layer_output import layer_output
from netwright.explain.inside.layers import Layer, named_layer
from netwright.models.graph import describe

__all__ = ["Matches", "feature_matching"]

_PAIRS_AT_ONCE = 4_000_000  # similarities in memory at a time: 32 MB


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Pairs of places in two pictures, the most alike first.

    Attributes:
        first: x and y in pixels of the one picture; 0 is the middle of its first pixel.
        second: likewise of the other.
        distance: between their features, of length 1 each: from 0 to 2.
    """

    first: Float[Tensor, "m 2"]
    second: Float[Tensor, "m 2"]
    distance: Float[Tensor, "m"]


def feature_matching(
    model: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    other: Float[Tensor, "n c h2 w2"],
    layer: Layer,
    ratio: float = 0.95,
) -> tuple[Matches, ...]:
    """Match places of two pictures by what a layer makes of them.

    Each place of the layer's maps is a row of features and stands at the middle of its receptive
    field. Two places match where each is the other's nearest, and clearly nearer than the nearest
    that is not beside it. Layers in the middle match best: early ones see too little to tell places
    apart, late ones too much to say where.

    Paper: Distinctive Image Features from Scale-Invariant Keypoints, 2004,
        https://doi.org/10.1023/B:VISI.0000029664.99615.94 (the ratio);
        Do Convnets Learn Correspondence?, 2014, https://arxiv.org/abs/1411.1091 (the features)
    Differs: places are those of a grid, so the second nearest is sought beyond the eight places
        around the nearest, and the ratio is milder than Lowe's 0.8.

    Args:
        model: any whose layer has maps; in any mode, and left as it was.
        inputs: pictures as the model takes them.
        other: one for each of them, of any size the model takes.
        layer: path of the layer, or the layer, whose maps (n, d, h, w) are matched.
        ratio: of the distances to the nearest and to the next; 1 keeps all that are nearest to
            each other, less keeps fewer and surer ones.

    Returns:
        The matches of each pair.

    Raises:
        BadValue: no such layer, one without maps, one whose places stand nowhere in the picture
            (global pooling before it, attention), or numbers of pictures that differ.
    """
    if not 0 < ratio <= 1:
        raise must_be("ratio", "above 0, up to 1", ratio)
    if len(inputs) != len(other):
        raise must_be("other", f"{len(inputs)} pictures: one for each input", len(other))
    with examined(model) as opened:
        path, _ = named_layer(opened, layer)
        sides = []
        for pictures in (inputs, other):
            maps = layer_output(opened, pictures, layer=path)
            if maps.ndim != 4 or len(maps) != len(pictures):
                raise must_be("layer", "one with maps (n, d, h, w)", f"{path}: {tuple(maps.shape)}")
            sides.append((_directions(maps), _places(opened, pictures, path, maps)))
        grids = [places.shape[:2] for _, places in sides]
        (first, here), (second, there) = ((rows, places.flatten(0, 1)) for rows, places in sides)
        return tuple(
            _matched(a, b, here=here, there=there, grid=grids[1], ratio=ratio)
            for a, b in zip(first, second, strict=True)
        )


def _directions(maps: Tensor) -> Tensor:
    """A row of length 1 for each place: (n, places, d)."""
    return F.normalize(maps.double().flatten(2).transpose(1, 2), dim=2)


def _places(opened: nn.Module, pictures: Tensor, path: str, maps: Tensor) -> Tensor:
    """Where the receptive field of each place has its middle: (h, w, 2), x and y."""
    found = describe(opened, pictures[:1]).collapsed(path.count(".") + 1).layer(path)
    fields = found.receptive_field
    if fields is None or any(field.stride is None for field in fields):
        why = f"Behind {found.unknown} no place is known." if found.unknown else ""
        raise must_be("layer", "one whose places stand evenly in the picture", path, why)
    axes = []
    for field, size in zip(fields, maps.shape[2:], strict=True):
        start, stride = field.start + (field.size - 1) / 2, field.stride
        axes.append(float(start) + float(stride or 0) * torch.arange(size, device=maps.device))
    down, across = torch.meshgrid(axes[0].double(), axes[1].double(), indexing="ij")
    return torch.stack([across, down], dim=2)


def _matched(
    first: Tensor, second: Tensor, *, here: Tensor, there: Tensor, grid: torch.Size, ratio: float
) -> Matches:
    nearest, alike, next_alike = _best(first, second, grid)
    back = _best_only(second, first)
    mutual = back[nearest] == torch.arange(len(first), device=first.device)
    distance, beyond = ((2 - 2 * one.clamp(-1, 1)).sqrt() for one in (alike, next_alike))
    kept = (mutual & (distance < ratio * beyond)).nonzero().flatten()
    kept = kept[distance[kept].sort(stable=True).indices]
    return Matches(first=here[kept], second=there[nearest[kept]], distance=distance[kept])


def _best(rows: Tensor, others: Tensor, grid: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
    """Of each row: its most similar other, how similar, and the most similar one elsewhere."""
    parts = []
    places = torch.arange(len(others), device=rows.device)
    down, across = places // grid[1], places % grid[1]
    for part in torch.split(rows, max(1, _PAIRS_AT_ONCE // len(others))):
        similar = part @ others.T
        alike, best = similar.max(1)
        beside = ((down - down[best, None]).abs() <= 1) & ((across - across[best, None]).abs() <= 1)
        elsewhere = similar.masked_fill_(beside, -1.0).amax(1)
        parts.append((best, alike, elsewhere))
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    return columns[0], columns[1], columns[2]


def _best_only(rows: Tensor, others: Tensor) -> Tensor:
    size = max(1, _PAIRS_AT_ONCE // len(others))
    return torch.cat([(part @ others.T).argmax(1) for part in torch.split(rows, size)])
