"""What a model computes for the picture nothing was changed in: once, and not for every batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Tape"]


@dataclass(frozen=True)
class _Step:
    """An operation as it was done; its tensors are held, so that none can take another's place."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    versions: tuple[int, ...]
    result: Any


class Tape:
    """Results in the order of their operations; used again only where everything is the same.

    A model may take another way for the next batch: from the first operation that differs in its
    function or in any argument, the tape is written anew.

    Attributes:
        work: multiplications of convolutions if all were done on whole maps.
        done: multiplications that were done for boxes instead, whole maps among them.
        pieces: boxes that were cut out of a map.
    """

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._at = 0
        self.work = self.done = self.pieces = 0

    def rewind(self) -> None:
        """The next batch begins."""
        self._at = 0

    def run(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """The function's result, from the tape where it is on it."""
        step = self._steps[self._at] if self._at < len(self._steps) else None
        versions = tuple(_versions(arguments))
        if (
            step is None
            or step.function is not function
            or step.versions != versions
            or not _same(step.arguments, arguments)
            or not _same(step.keywords, keywords)
        ):
            step = _Step(function, arguments, keywords, versions, function(*arguments, **keywords))
            self._steps[self._at :] = [step]
        self._at += 1
        return step.result


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _versions(arguments: Any) -> list[int]:
    found = []
    for value in arguments:
        if isinstance(value, Tensor):
            found.append(0 if torch.is_inference(value) else value._version)
        elif isinstance(value, list | tuple):
            found.extend(_versions(value))
    return found
