"""A target or an answer as a person would say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["in_words"]


def in_words(
    value: Any,
    *,
    kind: str,
    names: Sequence[str],
    parts: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """A target or an answer as a person would say it; of several tasks, one after the other."""
    if parts:
        return ", ".join(f"{task}: {said}" for task, said in _by_task(value, parts))
    words: Mapping[str, Callable[[], str]] = {
        "binary": lambda: names[int(value)],
        "classes": lambda: names[int(value)],
        "ordinal": lambda: names[int(value)],
        "multi-label": lambda: (
            ", ".join(n for n, on in zip(names, value, strict=True) if on) or "–"
        ),
    }
    if kind in words:
        return words[kind]()
    numbers = torch.as_tensor(value).flatten().tolist()
    return ", ".join(f"{number:.7g}" for number in numbers)  # all that 32 bits tell apart


def _by_task(value: Tensor, parts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each task's target in words, where the example has one."""
    at = 0
    for task, part in parts.items():
        one_class = part["kind"] in ("binary", "classes", "ordinal")
        columns = 1 if one_class else max(1, len(part["names"]))
        own, at = value[at : at + columns], at + columns
        if not bool(own.isnan().any()):
            yield task, in_words(own, **part)
