"""Nesterov's accelerated gradient with the gradient taken at the look-ahead point.

Paper: On the importance of initialization and momentum in deep learning, Sutskever, Martens, Dahl
    and Hinton 2013, https://proceedings.mlr.press/v28/sutskever13.html
Differs: torch's `SGD(nesterov=True)` folds the look-ahead into the update and never visits the
    interim point; this one does, at the price of a second evaluation. On one fixed function both
    draw the same path up to a change of variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.train.optimizers.reevaluating import Reevaluating

__all__ = ["LookaheadNesterov"]


class LookaheadNesterov(Reevaluating):
    """v ← μ v − η ∇f(w + μ v); w ← w + v.

    Args:
        params: parameters or groups of them.
        lr: η, above 0.
        momentum: μ, from 0 to below 1.
        weight_decay: added to the gradient at the look-ahead point, times that point.
    """

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
        """One update; the closure is called at the present point and at the look-ahead point.

        Returns:
            The loss at the present point.
        """
        if closure is None:
            raise must_be("closure", "given: the gradient is taken again", None)
        with torch.enable_grad():
            loss = closure()
        # kept rather than computed back: w + μ v − μ v is not w in floating point
        present: list[Tensor] = []
        for group in self.param_groups:
            for parameter in group["params"]:
                present.append(parameter.clone())
                parameter.add_(self._velocity(parameter), alpha=group["momentum"])
        with torch.enable_grad():
            closure()
        places = iter(present)
        for group in self.param_groups:
            for parameter in group["params"]:
                velocity = self._velocity(parameter).mul_(group["momentum"])
                if parameter.grad is not None:
                    velocity.sub_(parameter.grad, alpha=group["lr"])
                if group["weight_decay"]:
                    velocity.sub_(parameter, alpha=group["lr"] * group["weight_decay"])
                torch.add(next(places), velocity, out=parameter)
        return loss

    def _velocity(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(parameter)
        velocity: Tensor = state["velocity"]
        return velocity
