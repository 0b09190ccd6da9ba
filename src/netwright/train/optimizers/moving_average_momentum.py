"""Gradient descent along a moving average of the gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from netwright._errors import must_be

__all__ = ["MovingAverageMomentum"]


class MovingAverageMomentum(torch.optim.SGD):
    """v ← α v + (1 − α) g; w ← w − η v, from v = 0.

    The step keeps the size of a gradient however large α is, so that a rate found without momentum
    stays usable. With η / (1 − α) in place of η it is the path of the other form, v ← α v + g.

    Paper: On the importance of initialization and momentum in deep learning, Sutskever, Martens,
        Dahl and Hinton 2013, https://proceedings.mlr.press/v28/sutskever13.html
    Differs: torch's `SGD(momentum=α, dampening=α)` takes the first gradient whole; here the average
        begins at 0, as the recursion says.

    Args:
        params: parameters or groups of them.
        lr: η, above 0.
        momentum: α, from 0 to below 1.
        weight_decay: added to the gradient, times the parameter.
        fused: one kernel for all parameters.

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> w.grad = torch.ones(1)
        >>> MovingAverageMomentum([w], lr=1.0, momentum=0.75).step()
        >>> w.item()
        0.75
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        if not 0 <= momentum < 1:
            raise must_be("momentum", "from 0 to below 1", momentum)
        super().__init__(
            params,
            lr,
            momentum=momentum,
            dampening=momentum,
            weight_decay=weight_decay,
            fused=fused,
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer.add_param_group`; the average of the new ones is 0."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        group["dampening"] = group["momentum"]  # one number under two names
        for parameter in group["params"]:
            self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
