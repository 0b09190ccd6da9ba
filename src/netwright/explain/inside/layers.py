"""A layer of a model, by its path or as itself."""

from __future__ import annotations

from typing import TypeAlias

from torch import nn

from netwright._errors import must_be, unknown

__all__ = ["Layer", "named_layer"]

Layer: TypeAlias = str | nn.Module
"""The path of a module ("layer4.1.conv2"), or the module itself."""


def named_layer(model: nn.Module, layer: Layer) -> tuple[str, nn.Module]:
    """The path of a layer and the module.

    Args:
        model: opened by `examined`.
        layer: see `Layer`.

    Raises:
        BadValue: the model has no such layer; the nearest paths are listed.
    """
    modules = dict(model.named_modules())
    if isinstance(layer, str):
        if layer not in modules:
            raise unknown("layer", layer, [path for path in modules if path])
        return layer, modules[layer]
    for path, module in modules.items():
        if module is layer:
            return path, module
    raise must_be("layer", "a module within the model, or its path", type(layer).__name__)
