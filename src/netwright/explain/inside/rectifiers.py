"""The derivative of a score under another rule for what rectifiers pass back.

The rule is put on the graph of the run itself, so it does not matter how the model was written:
rectifiers that are modules, functions, methods, in place, or one module used in many places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge

from netwright._errors import NetwrightError, must_be, offenders
from netwright.explain.gradient import differentiated
from netwright.explain.inside.operations import (
    is_rectifier,
    is_weighted,
    of_scores,
    passes_plainly,
    shown,
)
from netwright.explain.inside.traced import traced

__all__ = ["Rule", "rectified"]

Rule: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""What a rectifier passes back to its input, from what the plain derivative passes back there, and
what arrived at its output."""


def rectified(
    model: nn.Module,
    given: Tensor,
    *,
    score: Callable[[Tensor], Tensor],
    rule: Rule,
    method: str,
) -> Tensor:
    """The derivative of scores by a leaf, with the rectifiers on the way under a rule.

    Rectifiers are ReLU, ReLU6, and clamps, hard tanh and thresholds that begin at 0. Linear
    operations, pools, normalisations and what follows the last layer pass the plain derivative.

    Args:
        model: opened by `examined`.
        given: the leaf.
        score: from a copy of the leaf to the scores (n,); called again where something is refused.
        rule: see `Rule`.
        method: who asks, for the refusal.

    Raises:
        BadValue: there is another operation on the way, for which there is no rule.
    """
    found = score(given.clone())
    way = _way(found, given)
    if _without_rule(found, way):
        raise _refusal(model, given, score=score, method=method)
    hook = _hook(rule)
    handles = [node.register_hook(hook) for node in way if is_rectifier(node)]
    try:
        return differentiated(found, given)
    finally:
        for handle in handles:
            handle.remove()


def _way(score: Tensor, given: Tensor) -> set[Node]:
    """The operations through which the score depends on the leaf."""
    if score.grad_fn is None:
        return set()
    above: dict[Node, list[Node]] = {score.grad_fn: []}
    waiting = [score.grad_fn]
    while waiting:
        node = waiting.pop()
        for below, _ in node.next_functions:
            if below is None:
                continue
            if below not in above:
                above[below] = []
                waiting.append(below)
            above[below].append(node)
    start = get_gradient_edge(given).node
    return _closure([start], lambda node: above[node]) if start in above else set()


def _without_rule(score: Tensor, way: set[Node]) -> list[Node]:
    """Operations that pass their derivative in a way which no rule is defined for, as they ran."""
    layers = [node for node in way if is_weighted(node) or is_rectifier(node)]
    inside = _closure(layers, lambda node: (n for n, _ in node.next_functions if n in way))
    found = [
        node
        for node in way
        if not is_rectifier(node)
        and not passes_plainly(node, way)
        and not (node not in inside and of_scores(node))
    ]
    return sorted(found, key=lambda node: node._sequence_nr())


def _closure(start: Iterable[Node], next_of: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """Everything that can be reached, where it starts included."""
    found = set(start)
    waiting = list(found)
    while waiting:
        new = [node for node in next_of(waiting.pop()) if node not in found]
        found.update(new)
        waiting.extend(new)
    return found


def _hook(rule: Rule) -> Callable[..., tuple[Tensor | None, ...] | None]:
    def apply(
        into: tuple[Tensor | None, ...], out: tuple[Tensor | None, ...]
    ) -> tuple[Tensor | None, ...] | None:
        if into[0] is None or out[0] is None:
            return None
        return (rule(into[0], out[0]), *into[1:])

    return apply


def _refusal(
    model: nn.Module, given: Tensor, *, score: Callable[[Tensor], Tensor], method: str
) -> NetwrightError:
    """The error that names every operation, and the module that it is in."""
    with traced(model) as runs:
        found = score(given.clone())
    where: dict[str, list[str]] = {}
    for node in _without_rule(found, _way(found, given)):
        path = runs.path(node) or "the model's own forward"
        where.setdefault(shown(node), []).append(path)
    listed = [f"{name} in {offenders(paths, shown=1)}" for name, paths in where.items()]
    fix = (
        "There is no rule for what these pass back. For any network: gradient, saliency, "
        "integrated_gradients, smoothgrad, occlusion."
    )
    rule = f"built of ReLUs and linear layers for {method}"
    return must_be("model", rule, "; ".join(listed), fix)
