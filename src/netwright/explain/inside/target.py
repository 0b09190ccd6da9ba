"""What of an output is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import BadType, must_be, offenders

__all__ = ["Target", "chosen", "scores"]

Target: TypeAlias = int | Tensor | Sequence[int] | Callable[[Any], Tensor] | None
"""None for the class that is predicted, a class for all examples, one class (n,) for each, or, for
outputs that are no scores of classes, a function from the output to one number for each example."""


def scores(output: Any, target: Target = None) -> Float[Tensor, "n"]:
    """The number of each example that is explained.

    Args:
        output: what a model gave: scores (n, k), or (n, 1) or (n,) where there is only one;
            whatever a function `target` takes.
        target: see `Target`.

    Example:
        >>> scores(torch.tensor([[1.0, 3.0], [5.0, 2.0]]))
        tensor([3., 5.])

    Raises:
        BadType: the output is no tensor of scores, and `target` no function of it.
        BadValue: classes that there are not, or not one for each example.
    """
    if callable(target):
        return _of_each(target(output))
    if not isinstance(output, Tensor) or output.ndim not in {1, 2}:
        shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        fix = (
            "Say by a function what is explained, e.g. "
            "target=lambda output: output[:, 3].mean(dim=(1, 2))."
        )
        raise must_be("output", "scores (n, k) of the model", shown, fix, error=BadType)
    table = output.unsqueeze(1) if output.ndim == 1 else output
    columns = _columns(table, target)
    return table.gather(1, columns.unsqueeze(1)).squeeze(1)


def chosen(output: Any, target: Target = None) -> Target:
    """The same target, with the predicted classes in place of None.

    So it stays the same while the inputs change.

    Args:
        output: for the inputs that are explained.
        target: see `Target`.
    """
    if callable(target):
        return target
    scores(output, target)
    return _columns(output.unsqueeze(1) if output.ndim == 1 else output, target)


def _columns(table: Tensor, target: int | Tensor | Sequence[int] | None) -> Tensor:
    """One column for each row."""
    n, k = table.shape
    if target is None:
        return table.detach().argmax(1)
    try:
        given = torch.as_tensor(target, device=table.device)
    except (TypeError, ValueError, RuntimeError):
        fix = "A class is a whole number: its place in the output."
        rule = "a class, or one for each example"
        raise must_be("target", rule, target, fix, error=BadType) from None
    if given.dtype.is_floating_point or given.dtype.is_complex or given.dtype == torch.bool:
        raise must_be("target", "a class, or one for each example", target, error=BadType)
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
        raise must_be("target", f"one class, or {n}: one for each example", tuple(given.shape))
    wrong = given[(given < 0) | (given >= k)].flatten().tolist()
    if wrong:
        raise must_be("target", f"from 0 to {k - 1} for {k} scores", offenders(wrong))
    return given.long().expand(n)


def _of_each(found: object) -> Tensor:
    if not isinstance(found, Tensor) or found.ndim != 1:
        shown = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise must_be("target", "a function that gives one number for each example", shown)
    return found
