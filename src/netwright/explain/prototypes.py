"""The examples of each class that a model finds most typical of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netwright._errors import BadType, must_be
from netwright.explain.nearest import nearest

__all__ = ["Prototypes", "prototypes"]


@dataclass(frozen=True, kw_only=True)
class Prototypes:
    """The most typical examples of a class, the most typical first.

    Attributes:
        label: number of the class.
        index: which rows.
        distance: from their features to the mean of the class.
        examined: rows that the mean is of.
    """

    label: int
    index: Int[Tensor, "count"]
    distance: Float[Tensor, "count"]
    examined: int


def prototypes(
    features: Float[Tensor, "n d"],
    targets: Int[Tensor, "n"],
    *,
    right: Bool[Tensor, "n"] | None = None,
    count: int = 3,
) -> tuple[Prototypes, ...]:
    """Of each class the rows that are nearest to the mean of its rows.

    They show what a model takes for the middle of a class; where that is not what a person would
    have chosen, the model goes by something else.

    Args:
        features: a row each, e.g. of `explain.layer_features`.
        targets: number of the class of each.
        right: which of them the model got right; the others neither count in the mean nor are
            shown. None for all.
        count: of each class at most; all where there are fewer.

    Returns:
        The classes that have any such rows, in their order.

    Example:
        >>> rows = torch.tensor([[0.0], [1.0], [5.0], [9.0]])
        >>> [one.index.tolist() for one in prototypes(rows, torch.tensor([0, 0, 0, 1]), count=1)]
        [[1], [3]]

    Raises:
        BadType: what is no table of real numbers, or targets that are no whole numbers.
        BadValue: a number of targets that differs, a count below 1, numbers that are not finite.
    """
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.ndim != 1:
        shown = tuple(targets.shape) if isinstance(targets, Tensor) else type(targets).__name__
        raise must_be("targets", "one whole number for each row", shown, error=BadType)
    for name, each in (("targets", targets), ("right", right)):
        if each is not None and len(each) != len(features):
            raise must_be(name, f"{len(features)}: one for each row of features", len(each))
    if count < 1:
        raise must_be("count", "at least 1", count)
    kept = torch.ones_like(targets, dtype=torch.bool) if right is None else right
    return tuple(
        _of_class(features, (kept & (targets == label)).nonzero().flatten(), label, count)
        for label in torch.unique(targets[kept]).tolist()
    )


def _of_class(features: Tensor, rows: Tensor, label: int, count: int) -> Prototypes:
    own = features[rows.to(features.device)]
    middle = own.double().mean(0, keepdim=True).to(own.dtype)
    found = nearest(own, middle, count=min(count, len(own)), metric="euclidean")
    return Prototypes(
        label=label,
        index=rows[found.index[0].to(rows.device)],
        distance=found.distance[0],
        examined=len(own),
    )
