"""Which module an operation of the graph comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import Node

__all__ = ["Runs", "traced"]


class Runs:
    """The modules that ran, each with the stretch of operations that it made.

    Operations are numbered by autograd as they are made.
    """

    def __init__(self) -> None:
        self._began: list[int] = []
        self._runs: list[tuple[int, int, str]] = []

    def path(self, node: Node) -> str:
        """Path of the innermost module that made the operation, "" for the model's own forward."""
        number = node._sequence_nr()
        around = [(end - start, path) for start, end, path in self._runs if start <= number < end]
        return min(around)[1] if around else ""

    def _before(self, *_: Any) -> None:
        self._began.append(torch._C._autograd._get_sequence_nr())

    def _after(self, path: str) -> None:
        self._runs.append((self._began.pop(), torch._C._autograd._get_sequence_nr(), path))


@contextmanager
def traced(model: nn.Module) -> Iterator[Runs]:
    """Within the block, runs of the model are noted.

    Args:
        model: opened by `examined`.
    """
    runs = Runs()
    handles = []
    try:
        for path, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(runs._before))
            handles.append(module.register_forward_hook(lambda *_, path=path: runs._after(path)))
        yield runs
    finally:
        for handle in handles:
            handle.remove()
