"""A weighted mean of gradients at several points for each example, in bounded batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from netwright._errors import must_be
from netwright.explain.gradient import differentiated, leaf
from netwright.explain.inside.at_layer import Place
from netwright.explain.inside.layouts import forward
from netwright.explain.inside.target import Target, chosen, scores

__all__ = ["Points", "averaged"]

Points: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From numbers of examples (b,) and of repeats (b,) to where the gradients are taken (b, ...)."""


def averaged(
    place: Place,
    inputs: Shaped[Tensor, "n ..."],
    *,
    values: Float[Tensor, "n ..."],
    points: Points,
    weights: Float[Tensor, "r"],
    target: Target,
    batch_size: int,
) -> Float[Tensor, "n ..."]:
    """The sum over repeats of weight · gradient at the point, for each example.

    Args:
        place: what the gradients are taken by.
        inputs: of the model, one for each example.
        values: what is at the place for them.
        points: see `Points`.
        weights: of the repeats; not all zero.
        target: see `explain.Target`; None for the class that is predicted for `inputs`.
        batch_size: points at a time.
    """
    if batch_size < 1:
        raise must_be("batch_size", "at least 1", batch_size)
    fixed = _fixed(place, inputs, target=target, batch_size=batch_size)
    n = len(inputs)
    kind = torch.promote_types(values.dtype, torch.float32)  # many small terms are lost in halves
    total = torch.zeros_like(values, dtype=kind)
    for chunk in torch.split(torch.arange(n * len(weights)), batch_size):
        example, repeat = chunk % n, chunk // n
        given, seen = leaf(points(example, repeat))
        of_each = fixed[example] if isinstance(fixed, Tensor) else fixed
        found = differentiated(scores(place.run(inputs[example], seen), of_each), given)
        share = weights[repeat].to(total).view(-1, *[1] * (values.ndim - 1))
        total.index_add_(0, example.to(total.device), found.to(kind) * share)
    return total.to(values.dtype)


def _fixed(place: Place, inputs: Tensor, *, target: Target, batch_size: int) -> Target:
    """One class for each example, or the function."""
    if callable(target):
        return target
    with torch.no_grad():
        outputs = [forward(place.model, part) for part in torch.split(inputs, batch_size)]
    output = torch.cat(outputs) if isinstance(outputs[0], Tensor) else outputs[0]
    return chosen(output, target)
