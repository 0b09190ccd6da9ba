"""DeconvNet: what in the picture a class, or one unit of a layer, responded to."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.outputs import output_of
from netwright.explain.inside.rectifiers import rectified
from netwright.explain.inside.target import Target, scores

__all__ = ["deconvnet"]


def deconvnet(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    target: Target = None,
    layer: Layer | None = None,
    unit: int | tuple[int, ...] | None = None,
) -> Float[Tensor, "n ..."]:
    """A response projected back to the input: unpool by switches, rectify, transposed convolution.

    To see what a unit deep inside looks at in a picture. A ReLU rectifies what comes back and does
    not ask whether it was active, so in networks without pooling the picture hardly matters.

    Paper: Visualizing and Understanding Convolutional Networks, 2013,
    https://arxiv.org/abs/1311.2901
    Differs: the projection starts from 1 at the unit, not from its activation; and where pooling
    windows overlap, what several bring to one place is added, not overwritten.

    Args:
        model: any whose activations are ReLUs, however they are written; other activations on the
            way to the inputs are refused by name.
        inputs: (n, ...) as the model takes them, preprocessed.
        target: the score to start from, see `explain.Target`; None for the predicted class.
        layer: start from a unit of this layer's output in place of a score; see `layers.Layer`.
        unit: which one, as an index into the output for one example: (channel, row, column), or the
            beginning of one (a channel), of which the strongest is taken for each example; None for
            the strongest of all.

    Returns:
        One number for each of the inputs.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))
        >>> seen = deconvnet(model, torch.rand(1, 3, 5, 5), layer="0", unit=(2, 0, 0))
        >>> torch.allclose(seen[0, :, :3, :3], model[0].weight[2])
        True

    Raises:
        BadType: inputs that are no real numbers, or an output that needs a function as `target`.
        BadValue: an activation without a rule; a layer or a unit that is not there; both a layer
            and a target.
    """
    if layer is None and unit is not None:
        raise must_be("unit", "given together with a layer", unit, "Say of which layer.")
    if layer is not None and target is not None:
        raise must_be("target", "left out where a layer is given", target, "unit= says which.")
    with examined(model) as opened:
        path = None if layer is None else named_layer(opened, layer)[0]

        def start(seen: Tensor) -> Tensor:
            if path is None:
                return scores(Place(opened).run(inputs, seen), target)
            return _strongest(output_of(opened, seen, path=path), unit)

        return rectified(opened, leaf(inputs)[0], score=start, rule=_raising, method="DeconvNet")


def _raising(_: Tensor, arrived: Tensor) -> Tensor:
    return arrived.clamp(min=0)


def _strongest(output: Any, unit: int | tuple[int, ...] | None) -> Float[Tensor, "n"]:
    """The unit's activation in each example."""
    if not isinstance(output, Tensor):
        raise must_be("layer", "one that makes a tensor", type(output).__name__)
    maps: Tensor = output
    index = () if unit is None else (unit,) if isinstance(unit, int) else tuple(unit)
    size = tuple(maps.shape[1:])
    fits = len(index) <= len(size) and all(
        -bound <= i < bound for i, bound in zip(index, size, strict=False)
    )
    if not fits:
        raise must_be("unit", f"an index into {size}, what the layer gives", unit)
    for at in index:
        maps = maps[:, at]
    chosen = maps.reshape(len(maps), -1)
    return chosen.gather(1, chosen.argmax(1, keepdim=True)).squeeze(1)
