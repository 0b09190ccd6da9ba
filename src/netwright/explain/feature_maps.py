"""What the channels of a layer answer, place by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.filters import first_convolution
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.outputs import not_used, watched
from netwright.explain.inside.places import Places, PlacesSeen, pictures

__all__ = ["FeatureMaps", "feature_maps"]


@dataclass(frozen=True, kw_only=True)
class FeatureMaps:
    """The maps of one layer, the strongest first.

    Attributes:
        layer: path of the layer.
        maps: (n, k, h, w), as the layer gave them.
        channels: (n, k), which of the layer's channels each map is.
    """

    layer: str
    maps: Tensor
    channels: Tensor


def feature_maps(
    model: nn.Module,
    inputs: Float[Tensor, "n c height width"],
    *,
    layer: Layer | None = None,
    most: int | None = None,
) -> FeatureMaps:
    """The maps of a layer for given pictures, of each picture the strongest first.

    Strong is a channel whose root mean square over the places is large, for this picture.

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them.
        layer: see `explain.Layer`; None for the first convolution. One that is called several
            times shows its last call. Tokens (n, t, c) are put where their patches lie; those that
            are nowhere on the picture (of the class, registers) are left out.
        most: how many channels; None for all.

    Example:
        >>> found = feature_maps(nn.Conv2d(3, 8, 5), torch.rand(2, 3, 12, 12), most=4)
        >>> found.maps.shape
        torch.Size([2, 4, 8, 8])

    Raises:
        BadValue: the layer is not used, or what it gives has no places.
    """
    if most is not None and most < 1:
        raise must_be("most", "at least 1", most)
    with examined(model) as opened, torch.no_grad():
        chosen = first_convolution(opened) if layer is None else layer
        path, _ = named_layer(opened, chosen)
        maps = _maps(opened, pictures(inputs), path=path).detach()
    return FeatureMaps(layer=path, **_strongest(maps, most))


def _maps(model: nn.Module, inputs: Tensor, *, path: str) -> Float[Tensor, "n c h w"]:
    """A layer's output, its places found by what came before it."""
    seen = PlacesSeen(inputs)
    found: list[tuple[Any, Places | None]] = []

    def look(called: str, module: nn.Module, output: Any) -> None:
        places = seen.find(module, output)
        if called == path:
            found[:] = [(output.clone() if isinstance(output, Tensor) else output, places)]

    with watched(dict(model.named_modules()), look):
        model(inputs)
    if not found:
        raise not_used(path)
    output, places = found[0]
    if places is None:
        shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        fix = "It must give maps (n, c, h, w), or tokens of patches (n, t, c): name another."
        raise must_be("layer", "one with places", f"{path}, which gives {shown}", fix)
    return places.maps(output)


def _strongest(maps: Tensor, most: int | None) -> dict[str, Tensor]:
    strength = torch.linalg.vector_norm(maps.double(), dim=(2, 3))
    channels: Int[Tensor, "n k"] = strength.argsort(dim=1, descending=True, stable=True)[:, :most]
    index = channels[:, :, None, None].expand(-1, -1, *maps.shape[2:])
    return {"maps": maps.gather(1, index), "channels": channels}
