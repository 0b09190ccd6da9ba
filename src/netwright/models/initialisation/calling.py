"""A model asked for its answer, whatever form its inputs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["called"]


def called(model: Callable[..., Any], inputs: Any) -> Any:
    """Inputs that are a tuple or list are the arguments, those that are a mapping the keywords."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, (tuple, list)):
        return model(*inputs)
    return model(inputs)
