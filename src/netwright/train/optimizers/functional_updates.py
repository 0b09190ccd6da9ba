"""The updates of torch's optimisers as pure functions of tensors, to be compiled with the step.

torch's classes keep the state; what is here computes the next one. A step that must change nothing
is told so by a tensor, not by leaving the function, so that the host need not know.

Paper: Adam: A method for stochastic optimization, Kingma and Ba 2015,
    https://arxiv.org/abs/1412.6980
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from netwright.train.optimizers.direct import has_hooks
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum

__all__ = ["AdamUpdate", "MomentumUpdate", "ProximalUpdate", "Rule", "is_filled", "obstacle"]
__all__ += ["rule_for"]


_WRITTEN = (torch.optim.SGD, MovingAverageMomentum, torch.optim.Adam, torch.optim.AdamW)


class Rule(Protocol):
    """One group's update. Its numbers are fixed; rates and counts are tensors."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What torch's optimiser calls the state, in the order that `next` takes it."""
        ...

    def scalars(self, state: Sequence[Tensor], rate: Tensor) -> tuple[Tensor, ...]:
        """What all parameters of equal step count share."""
        ...

    def next(
        self,
        parameter: Tensor,
        gradient: Tensor,
        *,
        state: Sequence[Tensor],
        scalars: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """The parameter and its state after the step."""
        ...

    def length(self, *, state: Sequence[Tensor], scalars: Sequence[Tensor]) -> Tensor:
        """How far a constant gradient of 1 moves each entry in the long run, after the step."""
        ...


@dataclass(frozen=True, kw_only=True)
class MomentumUpdate:
    """Gradient descent with or without momentum, as `torch.optim.SGD` does it."""

    momentum: float
    dampening: float
    weight_decay: float
    nesterov: bool
    maximize: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """See `Rule`."""
        return ("momentum_buffer",) if self.momentum else ()

    def scalars(self, state: Sequence[Tensor], rate: Tensor) -> tuple[Tensor, ...]:
        """See `Rule`."""
        return (rate,)

    def next(
        self,
        parameter: Tensor,
        gradient: Tensor,
        *,
        state: Sequence[Tensor],
        scalars: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """See `Rule`."""
        (rate,) = scalars
        direction = -gradient if self.maximize else gradient
        if self.weight_decay:
            direction = direction + self.weight_decay * parameter
        if not self.momentum:
            return (parameter - rate * direction,)
        velocity = self.momentum * state[0] + (1 - self.dampening) * direction
        direction = direction + self.momentum * velocity if self.nesterov else velocity
        return parameter - rate * direction, velocity

    def length(self, *, state: Sequence[Tensor], scalars: Sequence[Tensor]) -> Tensor:
        """See `Rule`."""
        longer = (1 - self.dampening) / (1 - self.momentum) if self.momentum else 1.0
        return scalars[0] * longer


@dataclass(frozen=True, kw_only=True)
class AdamUpdate:
    """Adaptive moments as `torch.optim.Adam` and `AdamW` do them, with AMSGrad if asked for."""

    betas: tuple[float, float]
    eps: float
    weight_decay: float
    decoupled: bool
    amsgrad: bool
    maximize: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """See `Rule`."""
        first = ("step", "exp_avg", "exp_avg_sq")
        return (*first, "max_exp_avg_sq") if self.amsgrad else first

    def scalars(self, state: Sequence[Tensor], rate: Tensor) -> tuple[Tensor, ...]:
        """See `Rule`."""
        count = state[0].double() + 1
        # powers through exp: the compiler keeps the result of one, and recomputes cheaper
        # functions for each entry of each parameter
        first = 1 - torch.exp(count * math.log(self.betas[0])) if self.betas[0] else 1.0
        second = 1 - torch.exp(count * math.log(self.betas[1])) if self.betas[1] else count * 0 + 1
        return rate, (rate / first).float(), second.sqrt().float()

    def next(
        self,
        parameter: Tensor,
        gradient: Tensor,
        *,
        state: Sequence[Tensor],
        scalars: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """See `Rule`."""
        rate, size, correction = scalars
        step, mean, square = state[0], state[1], state[2]
        direction = -gradient if self.maximize else gradient
        if self.weight_decay and self.decoupled:
            parameter = parameter - rate * self.weight_decay * parameter
        elif self.weight_decay:
            direction = direction + self.weight_decay * parameter
        mean = self.betas[0] * mean + (1 - self.betas[0]) * direction
        square = self.betas[1] * square + (1 - self.betas[1]) * direction * direction
        kept: tuple[Tensor, ...] = ()
        root = square
        if self.amsgrad:
            root = torch.maximum(state[3], square)
            kept = (root,)
        parameter = parameter - size * mean / (root.sqrt() / correction + self.eps)
        return parameter, step + 1, mean, square, *kept

    def length(self, *, state: Sequence[Tensor], scalars: Sequence[Tensor]) -> Tensor:
        """See `Rule`."""
        rate, _, correction = scalars
        return rate / (state[-1].sqrt() / correction + self.eps)


@dataclass(frozen=True, kw_only=True)
class ProximalUpdate:
    """An update and the soft threshold of `train.optimizers.proximal` behind it."""

    rule: Rule
    l1: float

    @property
    def keys(self) -> tuple[str, ...]:
        """See `Rule`."""
        return self.rule.keys

    def scalars(self, state: Sequence[Tensor], rate: Tensor) -> tuple[Tensor, ...]:
        """See `Rule`."""
        return self.rule.scalars(state, rate)

    def next(
        self,
        parameter: Tensor,
        gradient: Tensor,
        *,
        state: Sequence[Tensor],
        scalars: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """See `Rule`."""
        moved, *after = self.rule.next(parameter, gradient, state=state, scalars=scalars)
        threshold = self.l1 * self.length(state=after, scalars=scalars)
        return moved - torch.minimum(torch.maximum(moved, -threshold), threshold), *after

    def length(self, *, state: Sequence[Tensor], scalars: Sequence[Tensor]) -> Tensor:
        """See `Rule`."""
        return self.rule.length(state=state, scalars=scalars)


def obstacle(optimizer: torch.optim.Optimizer) -> str | None:
    """Why its update can't be compiled; None where it can."""
    if type(optimizer) not in _WRITTEN:
        return f"the update of {type(optimizer).__name__} has no compiled form"
    if has_hooks(optimizer):
        return "somebody is to be called at the step of its optimiser"
    if any(group.get("differentiable") for group in optimizer.param_groups):
        return "its optimiser is asked to be differentiable"
    return None


def rule_for(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Rule:
    """The update of one group of an optimiser that has no `obstacle`."""
    rule = _smooth_rule(optimizer, group)
    return ProximalUpdate(rule=rule, l1=group["l1"]) if group.get("l1") else rule


def _smooth_rule(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Rule:
    if isinstance(optimizer, torch.optim.SGD):
        return MomentumUpdate(
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
    return AdamUpdate(
        betas=tuple(group["betas"]),
        eps=group["eps"],
        weight_decay=group["weight_decay"],
        decoupled=isinstance(optimizer, torch.optim.AdamW)
        or group.get("decoupled_weight_decay", False),
        amsgrad=group["amsgrad"],
        maximize=group["maximize"],
    )


def is_filled(rule: Rule, state: Mapping[str, Any]) -> bool:
    """Whether torch's optimiser has begun this parameter's state; it does so at its first step."""
    return all(isinstance(state.get(key), Tensor) for key in rule.keys)
