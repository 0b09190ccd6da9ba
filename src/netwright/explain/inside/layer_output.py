"""What a layer of a model makes of inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import NothingObserved, must_be
from netwright.explain.inside.layers import Layer, named_layer

__all__ = ["layer_output"]


def layer_output(model: nn.Module, inputs: Tensor, *, layer: Layer) -> Tensor:
    """The output of a layer, without a graph; of its last call where it is called several times.

    Args:
        model: opened by `examined`.
        inputs: as the model takes them.
        layer: see `layers.Layer`.

    Raises:
        BadValue: no such layer, or one that makes no tensor.
        NothingObserved: the layer did not run.
    """
    path, module = named_layer(model, layer)
    kept: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        # a copy: the layer after it may write into its input
        kept.append(output.detach().clone() if isinstance(output, Tensor) else output)

    hook = module.register_forward_hook(keep)
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        hook.remove()
    if not kept:
        raise NothingObserved(f"layer must be one that runs, got layer={path!r}, which did not.")
    if not isinstance(kept[-1], Tensor):
        raise must_be("layer", "one that makes a tensor", f"{path}: {type(kept[-1]).__name__}")
    return kept[-1]
