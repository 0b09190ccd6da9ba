"""The kernels of torch's fused optimisers without what surrounds them.

At each step `Optimizer.step` opens a profiler's range, gathers its lists anew and sorts the tensors
by device. For a small network on a processor that takes 14 of 17 µs (SGD) and more for Adam, as
much as the forward pass. Here the lists are gathered once and the same kernels called with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum
from netwright.train.optimizers.proximal import ProximalStep, proximal_step_of

__all__ = ["Direct", "has_hooks"]

_Kernel = Callable[["_Group", list[Tensor]], None]


@dataclass(frozen=True)
class _Group:
    """A group's parameters and state, laid out as the kernels take them.

    Attributes:
        options: the optimiser's own mapping, in which rates change.
        parameters: of the group.
        states: name → of each parameter.
    """

    options: Mapping[str, Any]
    parameters: list[Tensor]
    states: Mapping[str, list[Tensor]]


class Direct:
    """Steps an optimiser by its kernels where that does exactly what its `step` does.

    Where anything is unusual (hooks, a parameter without gradient, state that the first step has
    yet to make, an optimiser or an option that has no such kernel) `step` itself is called.

    Args:
        optimizer: whose parameters, state and options are used, and stay where they are.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._kernel = _kernel_of(optimizer)
        self._proximal = proximal_step_of(optimizer)
        self._groups: list[_Group] = []
        self._of: tuple[object, object] | None = None

    def step(self) -> None:
        """Update the parameters by their gradients."""
        gradients = self._gradients() if self._kernel is not None and self._is_ready() else None
        if gradients is None or self._kernel is None:
            self._optimizer.step()
            return
        with torch.no_grad():
            for group, given in zip(self._groups, gradients, strict=True):
                self._kernel(group, given)
        if self._proximal is not None:
            self._proximal(self._optimizer)

    def _gradients(self) -> list[list[Tensor]] | None:
        found = []
        for group in self._groups:
            given = []
            for parameter in group.parameters:
                if parameter.grad is None:
                    return None
                given.append(parameter.grad)
            found.append(given)
        return found

    def _is_ready(self) -> bool:
        optimizer = self._optimizer
        if has_hooks(optimizer):
            return False
        # loading a state makes both anew
        if self._of is None or not (
            self._of[0] is optimizer.param_groups and self._of[1] is optimizer.state
        ):
            return self._lay_out()
        return True

    def _lay_out(self) -> bool:
        optimizer = self._optimizer
        self._of = None
        groups = []
        for group in optimizer.param_groups:
            names = _state_names(optimizer, group)
            if not all(
                _is_plain(parameter) and all(name in optimizer.state[parameter] for name in names)
                for parameter in group["params"]
            ):
                return False
            parameters = list(group["params"])
            states = {name: [optimizer.state[p][name] for p in parameters] for name in names}
            groups.append(_Group(group, parameters, states))
        self._groups = groups
        self._of = optimizer.param_groups, optimizer.state
        return True


def has_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Whether somebody is to be called before or after its step, its proximal step apart."""
    after = optimizer._optimizer_step_post_hooks
    return bool(
        optimizer._optimizer_step_pre_hooks
        or (after and any(not isinstance(hook, ProximalStep) for hook in after.values()))
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def _kernel_of(optimizer: torch.optim.Optimizer) -> _Kernel | None:
    kernels: dict[type, _Kernel] = {
        torch.optim.SGD: _sgd,
        MovingAverageMomentum: _sgd,
        torch.optim.Adam: _adam,
        torch.optim.AdamW: _adam,
    }
    unusual = any(
        not group.get("fused") or group.get("amsgrad") or isinstance(group["lr"], Tensor)
        for group in optimizer.param_groups
    )
    return None if unusual else kernels.get(type(optimizer))


def _state_names(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(optimizer, torch.optim.SGD):
        return ("momentum_buffer",) if group["momentum"] else ()
    return ("exp_avg", "exp_avg_sq", "step")


def _is_plain(parameter: Tensor) -> bool:
    gradient = parameter.grad
    return (
        parameter.device.type == "cpu"
        and type(gradient) is Tensor
        and gradient.layout is torch.strided
    )


def _sgd(group: _Group, gradients: list[Tensor]) -> None:
    options = group.options
    torch._fused_sgd_(
        group.parameters,
        gradients,
        group.states.get("momentum_buffer", []),
        weight_decay=options["weight_decay"],
        momentum=options["momentum"],
        lr=options["lr"],
        dampening=options["dampening"],
        nesterov=options["nesterov"],
        maximize=options["maximize"],
        is_first_step=False,
    )


def _adam(group: _Group, gradients: list[Tensor]) -> None:
    options, states = group.options, group.states
    torch._foreach_add_(states["step"], 1)
    kernel = torch._fused_adamw_ if options["decoupled_weight_decay"] else torch._fused_adam_
    kernel(
        group.parameters,
        gradients,
        states["exp_avg"],
        states["exp_avg_sq"],
        [],
        states["step"],
        lr=options["lr"],
        beta1=options["betas"][0],
        beta2=options["betas"][1],
        weight_decay=options["weight_decay"],
        eps=options["eps"],
        amsgrad=False,
        maximize=options["maximize"],
    )
