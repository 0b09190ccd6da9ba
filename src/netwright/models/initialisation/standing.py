"""A model that stands still while it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["standing_still"]


@contextmanager
def standing_still(model: nn.Module) -> Iterator[None]:
    """No dropout, no new averages of norms; afterwards every part's mode as it was."""
    learning = [part for part in model.modules() if part.training]
    for part in learning:
        part.training = False
    try:
        yield
    finally:
        for part in learning:
            part.training = True
