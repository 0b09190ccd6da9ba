"""Fragility: how far a map moves while the picture looks the same and the answer stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen
from netwright.explain.trials.method import Method, mapped, named_method
from netwright.explain.trials.ordering import places
from netwright.explain.trials.random_signs import RandomSigns
from netwright.explain.trials.similarity import spearman, top_overlap

__all__ = ["Attack", "Fragility", "fragility"]

Attack: TypeAlias = Callable[..., Iterator[Tensor]]
"""Called as `attack(model, inputs, target=…, bound=…)`; gives sets of perturbed inputs, such as
`RandomSigns` and `TopAttack` do."""


@dataclass(frozen=True, kw_only=True)
class Fragility:
    """The worst that was found for each picture, among perturbations that leave its prediction.

    Attributes:
        overlap: (n,) share of the map's highest pixels that are still among the highest; 1 where
            nothing moved.
        correlation: (n,) rank correlation of the two maps, the least of all perturbations.
        kept: (n,) how many perturbations left the prediction.
        tried: how many there were.
        perturbed: (n, ...) the inputs with the least overlap, for a look at them.
    """

    overlap: Float[Tensor, "n"]
    correlation: Float[Tensor, "n"]
    kept: Int[Tensor, "n"]
    tried: int
    perturbed: Float[Tensor, "n ..."]


def fragility(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    method: Method,
    target: Target = None,
    attack: Attack | None = None,
    epsilon: float = 8 / 255,
    top: float = 0.02,
) -> Fragility:
    """Perturb pictures a little, keep what the model predicts, and see how far the map moves.

    A map that a change nobody sees can turn over is no ground for a decision. What is found is a
    bound: a stronger attack may find worse. Each perturbed picture is verified: within the bound,
    and the predicted class as before; others do not count.

    Paper: Interpretation of Neural Networks Is Fragile, 2017, https://arxiv.org/abs/1710.10547

    Args:
        model: gives scores of classes, or one score, whose sign is the class; left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        method: a name of the catalogue, or a function; see `explain.method.Method`.
        target: what is explained, see `explain.Target`; None for the predicted class.
        attack: what perturbs, see `Attack`; None for `RandomSigns()`. Each set that it gives costs
            the maps once.
        epsilon: the most that a number may move, as a share of the range of its picture's numbers.
        top: share of the pixels that count as a map's highest.

    Raises:
        BadType: the model's output has no class that could be kept.
        BadValue: no such method, a bound that is not positive, or a share that is none.
    """
    _checked(epsilon, top)
    _, function = named_method(method)
    with examined(model) as opened:
        given = leaf(inputs)[0].detach()
        bound = epsilon * _range(given)
        with torch.no_grad():
            output = opened(given.clone())
        before, kept_target = _predicted(output), chosen(output, target)
        own = places(mapped(opened, given, method=function, target=kept_target), given)
        worst = Fragility(
            overlap=torch.ones_like(own[:, 0]),
            correlation=torch.ones_like(own[:, 0]),
            kept=torch.zeros_like(before),
            tried=0,
            perturbed=given,
        )
        candidates = attack or RandomSigns()
        for moved in candidates(opened, given, target=kept_target, bound=bound):
            inside = moved.detach().clamp(given - bound, given + bound)
            with torch.no_grad():
                same = _predicted(opened(inside.clone())) == before
            found = places(mapped(opened, inside, method=function, target=kept_target), given)
            worst = _worse(worst, own, found=found, moved=inside, same=same, top=top)
    return worst


def _worse(
    worst: Fragility, own: Tensor, *, found: Tensor, moved: Tensor, same: Tensor, top: float
) -> Fragility:
    overlap, correlation = top_overlap(own, found, share=top), spearman(own, found)
    lower = same & (overlap < worst.overlap)
    return Fragility(
        overlap=torch.where(lower, overlap, worst.overlap),
        correlation=torch.where(same, correlation.minimum(worst.correlation), worst.correlation),
        kept=worst.kept + same.to(worst.kept),
        tried=worst.tried + 1,
        perturbed=torch.where(_spread(lower, moved), moved, worst.perturbed),
    )


def _predicted(output: Any) -> Tensor:
    """The class of each example."""
    if not isinstance(output, Tensor) or output.ndim not in {1, 2}:
        shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise must_be("output", "scores (n, k), to see whether they stay", shown, error=BadType)
    if output.ndim == 1 or output.shape[1] == 1:
        return (output.flatten() > 0).long()
    return output.argmax(1)


def _range(inputs: Tensor) -> Tensor:
    flat = inputs.flatten(1)
    return _spread(flat.amax(1) - flat.amin(1), inputs)


def _spread(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 1))


def _checked(epsilon: float, top: float) -> None:
    if not epsilon > 0:
        raise must_be(
            "epsilon", "positive", epsilon, "8 / 255 of a picture's range is hard to see."
        )
    if not 0 < top <= 1:
        raise must_be("top", "above 0 and at most 1", top, "0.02 is usual.")
