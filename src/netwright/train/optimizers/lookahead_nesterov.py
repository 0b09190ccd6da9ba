"""Nesterov's accelerated gradient with the gradient taken at the look-ahead point.

Paper: On the importance of initialization and momentum in deep learning, Sutskever, Martens, Dahl
    and Hinton 2013, https://proceedings.mlr.press/v28/sutskever13.html
Differs: torch's `SGD(nesterov=True)` folds the look-ahead into the update and never visits the
    interim point; this one does, and its weights between two steps are those of the recursion. On
    one fixed function both draw the same path up to a change of variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.train.optimizers.reevaluating import Reevaluating

__all__ = ["LookaheadNesterov"]


_Lists = list[tuple[dict[str, Any], list[Tensor], list[Tensor]]]


class LookaheadNesterov(Reevaluating):
    """v ← μ v − η ∇f(w + μ v); w ← w + v.

    Args:
        params: parameters or groups of them.
        lr: η, above 0.
        momentum: μ, from 0 to below 1.
        weight_decay: added to the gradient at the look-ahead point, times that point.
    """

    _prepared: tuple[tuple[Any, Any], _Lists] | None = None

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        if not lr > 0:
            raise must_be("lr", "above 0", lr)
        if not 0 <= momentum < 1:
            raise must_be("momentum", "from 0 to below 1", momentum)
        if weight_decay < 0:
            raise must_be("weight_decay", "at least 0", weight_decay)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; the closure is called once, at the look-ahead point.

        The gradient at the present point is not in the recursion: to take it too would double the
        price of a step.

        Returns:
            The loss at the look-ahead point.
        """
        if closure is None:
            raise must_be("closure", "given: the gradient is taken at another point", None)
        groups = self._lists()
        for group, parameters, velocities in groups:
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(parameters, velocities)
        with torch.enable_grad():
            loss = closure()
        # w + v is the look-ahead point less η g, so that w itself need not be kept
        for group, parameters, velocities in groups:
            _descend(group, parameters, velocities)
        return loss

    def _lists(self) -> _Lists:
        """Of each group, gathered anew only where groups or state were replaced."""
        of = self.param_groups, self.state
        if self._prepared is not None:
            before, known = self._prepared
            is_same = before[0] is of[0] and before[1] is of[1]
            if is_same and len(known) == len(self.param_groups):
                return known
        laid_out = [(group, *self._laid_out(group)) for group in self.param_groups]
        self._prepared = of, laid_out
        return laid_out

    def _laid_out(self, group: dict[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
        parameters: list[Tensor] = group["params"]
        for parameter in parameters:
            state = self.state[parameter]
            if "velocity" not in state:
                state["velocity"] = torch.zeros_like(parameter)
        return parameters, [self.state[parameter]["velocity"] for parameter in parameters]


def _descend(group: dict[str, Any], parameters: list[Tensor], velocities: list[Tensor]) -> None:
    """Take η times the gradient from parameters and velocities; w/o one they coast."""
    moved, coasts = parameters, velocities
    gradients = [one.grad for one in parameters if one.grad is not None]
    if not gradients:
        return
    if len(gradients) < len(parameters):
        present = [place for place, one in enumerate(parameters) if one.grad is not None]
        moved = [parameters[place] for place in present]
        coasts = [velocities[place] for place in present]
    if group["weight_decay"]:
        gradients = list(torch._foreach_add(gradients, moved, alpha=group["weight_decay"]))
    torch._foreach_add_(coasts, gradients, alpha=-group["lr"])
    torch._foreach_add_(moved, gradients, alpha=-group["lr"])
