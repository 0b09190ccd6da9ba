"""What a case is, and when two outputs are the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError


@dataclass(frozen=True)
class Case:
    """A callable seen at work.

    Attributes:
        call: (empty folder, **keywords) → anything that `same` can compare. It hands the keywords
            to the callable and returns what it did.
        changed: keyword → a value that is not its default, for which the output must be another or
            a refusal must follow.
    """

    call: Callable[..., Any]
    changed: Mapping[str, Any]


def attempt(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What `call` returns, or how it refuses."""
    try:
        return call(*arguments, **keywords)
    except NetwrightError as refusal:
        return refusal


def same(first: Any, second: Any) -> bool:
    """Whether two outputs agree in every bit."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return (
            first.shape == second.shape
            and (first.dtype, first.device) == (second.dtype, second.device)
            and torch.equal(torch.nan_to_num(first.detach()), torch.nan_to_num(second.detach()))
        )
    if isinstance(first, np.ndarray):
        return first.shape == second.shape and np.array_equal(first, second)
    if isinstance(first, torch.Generator):
        return same(first.get_state(), second.get_state())
    if isinstance(first, nn.Module):
        return str(first) == str(second) and same(first.state_dict(), second.state_dict())
    return same_parts(first, second)


def same_parts(first: Any, second: Any) -> bool:
    """`same` for what is made of parts; what has no equality of its own goes by its attributes."""
    if isinstance(first, Exception):
        return str(first) == str(second)
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, Sequence) and not isinstance(first, str | bytes):
        return len(first) == len(second) and all(map(same, first, second))
    if dataclasses.is_dataclass(first):
        return all(
            same(getattr(first, field.name), getattr(second, field.name))
            for field in dataclasses.fields(first)
        )
    if type(first).__eq__ is object.__eq__ and hasattr(first, "__dict__") and not callable(first):
        return same(vars(first), vars(second))
    return bool(first == second) or (first != first and second != second)
