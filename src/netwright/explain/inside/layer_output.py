"""What a layer of a model makes of inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.explain.inside.layers import Layer, named_layer
from netwright.explain.inside.outputs import output_of

__all__ = ["layer_output"]


def layer_output(model: nn.Module, inputs: Any, *, layer: Layer) -> Tensor:
    """The output of a layer, without a graph; of its last call where it is called several times.

    Args:
        model: opened by `examined`.
        inputs: as the model takes them.
        layer: see `layers.Layer`.

    Raises:
        BadValue: no such layer, one that the model does not use, or one that makes no tensor.
    """
    path, _ = named_layer(model, layer)
    with torch.no_grad():
        found = output_of(model, inputs, path=path)
    if not isinstance(found, Tensor):
        raise must_be("layer", "one that makes a tensor", f"{path}: {type(found).__name__}")
    return found.detach()
