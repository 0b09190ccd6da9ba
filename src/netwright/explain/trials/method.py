"""A method that gives maps, by its name or as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.inside.target import Target

__all__ = ["Method", "mapped", "named_method"]

Method: TypeAlias = str | Callable[..., Tensor]
"""A name of the catalogue, or a function called as `method(model, inputs, target=…)` that gives
numbers of the inputs' shape or one map a picture."""


def named_method(method: Method) -> tuple[str, Callable[..., Tensor]]:
    """What a method is called, and the function.

    Raises:
        BadType: neither a name nor a function.
        BadValue: the catalogue has no such name, or what it names gives no maps.
    """
    if callable(method):
        return getattr(method, "__name__", type(method).__name__), method
    if not isinstance(method, str):
        raise must_be("method", "a name or a function", type(method).__name__, error=BadType)
    entry = CATALOGUE.entry(method)
    if entry.facts.get("gives", "map") != "map":
        known = ", ".join(e.name for e in CATALOGUE if e.facts.get("gives") == "map")
        raise must_be("method", "one that gives maps", method, f"Known: {known}.")
    return entry.name, entry.load()


def mapped(
    model: nn.Module, inputs: Tensor, *, method: Callable[..., Tensor], target: Target
) -> Float[Tensor, "n ..."]:
    """What a method gives, without a graph; whether it fits is seen where it is put in order.

    Raises:
        BadType: it gave no tensor.
    """
    found = method(model, inputs, target=target)
    if not isinstance(found, Tensor):
        raise must_be("method", "one that gives a tensor", type(found).__name__, error=BadType)
    return torch.as_tensor(found).detach()
