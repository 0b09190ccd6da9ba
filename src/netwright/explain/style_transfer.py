"""A picture painted anew in the texture of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import NothingObserved, must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer

__all__ = ["style_transfer"]

_RATE = 0.05  # of Adam, in the units of preprocessed pictures


def style_transfer(
    encoder: nn.Module,
    inputs: Float[Tensor, "n c h w"],
    *,
    styles: Float[Tensor, "n c h2 w2"],
    content: Layer,
    textures: Sequence[Layer],
    weight: float = 30.0,
    steps: int = 100,
) -> Float[Tensor, "n c h w"]:
    """Keep what is shown where, and change what its surfaces look like.

    Makes the pictures that `texture_or_shape` asks about. The maps of one layer hold the content;
    the products of maps with each other, summed over all places, the texture.

    Paper: Image Style Transfer Using Convolutional Neural Networks, 2016,
        https://doi.org/10.1109/CVPR.2016.265
    Differs: each difference is divided by the square of what it is compared with, so that layers
        count alike and `weight` has no unit; Adam from the content, where the paper takes L-BFGS
        from noise, so that each picture goes its own way whatever is beside it.

    Args:
        encoder: any network with maps, best VGG's features; left as it was.
        inputs: pictures of the content, as the encoder takes them.
        styles: one for each of them, of any size the encoder takes.
        content: the layer whose maps are kept.
        textures: the layers whose products are taken over.
        weight: of all textures together, the content being 1.
        steps: of the descent.

    Raises:
        BadValue: no such layer, one without maps, numbers of pictures that differ, no texture.
    """
    if len(inputs) != len(styles):
        raise must_be("styles", f"{len(inputs)} pictures: one for each input", len(styles))
    if not textures or weight < 0 or steps < 1:
        rule = "at least one layer, with weight from 0 and steps from 1"
        raise must_be("textures", rule, (list(textures), weight, steps))
    with examined(encoder) as opened:
        wanted = [named_layer(opened, layer)[0] for layer in (content, *textures)]
        with torch.no_grad():
            kept = _maps(opened, inputs, wanted)[wanted[0]]
            seen = _maps(opened, styles, wanted)
            aims = [_products(seen[path]) for path in wanted[1:]]
        painted, _ = leaf(inputs)
        adam = torch.optim.Adam([painted], lr=_RATE)
        for _ in range(steps):
            maps = _maps(opened, painted.clone(), wanted)
            loss = _relative(maps[wanted[0]], kept).sum()
            for path, aim in zip(wanted[1:], aims, strict=True):
                loss = loss + weight / len(aims) * _relative(_products(maps[path]), aim).sum()
            painted.grad = torch.autograd.grad(loss, painted)[0]
            adam.step()
        return painted.detach()


class _Enough(Exception):
    """All wanted layers have run."""


def _maps(encoder: nn.Module, inputs: Tensor, wanted: Sequence[str]) -> dict[str, Tensor]:
    """The outputs of some layers; what comes after the last of them is not computed."""
    found: dict[str, Tensor] = {}

    def keeping(path: str) -> Any:
        def keep(_: nn.Module, __: Any, output: Any) -> None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                raise must_be("layer", "one with maps (n, d, h, w)", path)
            found[path] = output.clone()
            if len(found) == len(set(wanted)):
                raise _Enough

        return keep

    hooks = [
        encoder.get_submodule(path).register_forward_hook(keeping(path)) for path in set(wanted)
    ]
    try:
        encoder(inputs)
    except _Enough:
        return found
    finally:
        for hook in hooks:
            hook.remove()
    missing = sorted(set(wanted) - set(found))
    raise NothingObserved(f"layers must be ones that run, got layers={missing}, which did not.")


def _products(maps: Tensor) -> Tensor:
    """Mean product of each map with each other over the places: (n, d, d)."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def _relative(values: Tensor, aims: Tensor) -> Tensor:
    gap = (values - aims).square().flatten(1).sum(1)
    return gap / aims.square().flatten(1).sum(1).clamp_min(torch.finfo(aims.dtype).tiny)
