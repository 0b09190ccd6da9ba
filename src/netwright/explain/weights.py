"""The weights of a linear layer, as pictures of what each unit adds up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layers import Layer, named_layer

__all__ = ["weights"]


def weights(
    model: nn.Module, *, layer: Layer | None = None, shape: Sequence[int] | None = None
) -> Float[Tensor, "k c h w"]:
    """The weights of a layer as pictures between 0 and 1, where 0.5 is a weight of 0.

    With the shape of what a linear layer reads, one picture a unit: of a linear classifier the
    template of each class. Without, the whole matrix as one picture, a row for each unit.

    Args:
        model: any; it is left as it was.
        layer: any with a weight matrix, see `explain.Layer`; None for the first that is declared.
        shape: (c, h, w) of what the layer reads, c 1 or 3; each picture has a scale of its own.

    Returns:
        (k, c, h, w) by `shape`, else (1, 1, rows, columns).

    Example:
        >>> weights(nn.Linear(64, 10), shape=(1, 8, 8)).shape
        torch.Size([10, 1, 8, 8])

    Raises:
        BadValue: there is no weight matrix, or it does not read what has that shape.
    """
    with examined(model) as opened, torch.no_grad():
        path, matrix = _matrix(opened, layer)
        values = matrix.detach().float().unsqueeze(0).unsqueeze(0)
    if shape is not None:
        if len(shape) != 3 or shape[0] not in {1, 3} or math.prod(shape) != matrix.shape[1]:
            rule = f"(1 or 3, h, w) of the {matrix.shape[1]} numbers that {path} reads"
            raise must_be("shape", rule, tuple(shape))
        values = values.reshape(-1, *shape)
    largest = values.abs().amax((1, 2, 3), keepdim=True)
    return 0.5 + values / (2 * torch.where(largest > 0, largest, 1))


def _matrix(model: nn.Module, layer: Layer | None) -> tuple[str, Tensor]:
    if layer is None:
        found = {path: _weight(module) for path, module in model.named_modules()}
        for path, weight in found.items():
            if weight is not None:
                return path or "the model", weight
        fix = "For convolutions see explain.filters."
        raise must_be("model", "one with a layer of a weight matrix", type(model).__name__, fix)
    path, module = named_layer(model, layer)
    weight = _weight(module)
    if weight is None:
        shown = f"{path or 'the model itself'}, a {type(module).__name__}"
        fix = "For convolutions see explain.filters."
        raise must_be("layer", "one with a weight matrix", shown, fix)
    return path or "the model", weight


def _weight(module: nn.Module) -> Tensor | None:
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, Tensor) and weight.ndim == 2 else None
