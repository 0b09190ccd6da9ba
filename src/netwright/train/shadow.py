"""A step that leaves no trace but what those who look on have seen, and who they are.

A hook put on a module after it was compiled is never called, without a word. So on the steps that
somebody wants to look at, the step is first taken in the open, on a shadow of the run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright.methods.base import Method

__all__ = ["Hooks", "untouched"]

_TABLES = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Hooks:
    """The hooks on a module and its parts.

    One that only looks says when, by an attribute `is_due`: a function without arguments. Any other
    may change what the module computes (weight norm in its old form does).

    Args:
        module: whose hooks these are; its parts are listed once.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places = [
            (name, getattr(part, table))
            for name, part in module.named_modules()
            for table in _TABLES
        ]
        self._tables: list[dict[int, Any]] = [table for _, table in self._places]
        self._parameters = list(module.parameters())

    def any(self) -> bool:
        """Whether there are any at all; costs next to nothing."""
        return any(self._tables) or any(map(_is_watched, self._parameters))

    def of_unknown_effect(self) -> str | None:
        """Where a hook is that may change what is computed."""
        if any(_is_watched(parameter) for parameter in self._parameters):
            return "a parameter"
        for name, table in self._places:
            if any(_due(hook) is None for hook in table.values()):
                return name or "the method"
        return None

    def are_due(self) -> bool:
        """Whether one that only looks wants to see the coming step."""
        return any(
            due() for table in self._tables for hook in table.values() if (due := _due(hook))
        )

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Within the block there are none."""
        kept = [(table, dict(table)) for table in self._tables if table]
        for table, _ in kept:
            table.clear()
        try:
            yield
        finally:
            for table, hooks in kept:
                table.update(hooks)


@contextmanager
def untouched(method: Method) -> Iterator[None]:
    """Afterwards buffers, stateful parts and random state are as before the block.

    So is what modules keep in attributes of their own (a count of calls).
    """
    random = _random.capture()
    attributes = [(part, dict(part.__dict__)) for part in method.modules()]
    kept = [
        (part, name, buffer, buffer.detach().clone())
        for part in method.modules()
        for name, buffer in part._buffers.items()
        if buffer is not None
    ]
    stateful = {name: copy.deepcopy(part.state_dict()) for name, part in method.stateful.items()}
    try:
        yield
    finally:
        for part, own in attributes:
            part.__dict__.clear()
            part.__dict__.update(own)
        _put_back(kept)
        for name, other in method.stateful.items():
            other.load_state_dict(stateful[name])
        _random.restore(random)


@torch.no_grad()
def _put_back(kept: Sequence[tuple[nn.Module, str, Tensor, Tensor]]) -> None:
    for part, name, buffer, value in kept:
        part._buffers[name] = buffer
        if not torch.equal(buffer, value):
            buffer.copy_(value)


def _is_watched(parameter: Tensor) -> bool:
    return bool(parameter._backward_hooks or parameter._post_accumulate_grad_hooks)


def _due(hook: Any) -> Callable[[], bool] | None:
    return getattr(hook, "is_due", None)
