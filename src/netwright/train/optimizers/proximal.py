"""L1 that reaches exact zeros: a soft threshold after each update of a first-order optimiser.

The penalty λ·|w| has a corner at 0, where a gradient of it only makes weights jitter. Its proximal
step does not: after w has moved along the loss's gradient, w ← sign(w)·max(|w| − λ·s, 0). For the
fixed point to be the minimum of loss + λ·|w|, s must be how far a constant gradient of 1 would have
moved this entry: the rate for plain descent, rate / (1 − μ) with momentum μ, and each entry's own
rate / (√v + ε) for an optimiser that divides by the size of past gradients.

When to use it: few of many inputs matter, or weights are to be left out (`optimizer.l1`). On
standardised inputs, so that all weights are measured in one unit.

Paper: Efficient online and batch learning using forward backward splitting, Duchi and Singer 2009,
    https://jmlr.org/papers/v10/duchi09a.html; in the metric of an adaptive optimiser: Adaptive
    proximal gradient methods for structured neural networks, Yun, Lozano and Yang 2021,
    https://proceedings.neurips.cc/paper/2021/hash/cc3f5463bc4d26bc38eadc8bcffbc654-Abstract.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.train.optimizers.catalogue import CATALOGUE
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum

__all__ = ["ProximalStep", "proximal_step_of", "refuse_without_lengths", "share_of_zeros"]
__all__ += ["soft_threshold"]

Lengths = Callable[[Mapping[str, Any], Mapping[str, Any]], Tensor | float]
"""From a group's options and a parameter's state to s, a number or one an entry."""


@torch.no_grad()
def soft_threshold(values: Sequence[Tensor], thresholds: Sequence[Tensor] | float) -> None:
    """Bring each entry nearer to 0 by its threshold, in place; what would pass 0 becomes 0.

    Args:
        values: tensors of any shape.
        thresholds: at least 0, one for all or tensors of the same shapes.

    Example:
        >>> w = torch.tensor([-3.0, 0.5, 2.0])
        >>> soft_threshold([w], 1.0)
        >>> w.tolist()
        [-2.0, 0.0, 1.0]
    """
    values = list(values)
    # v − clamp(v, −t, t) is 0, not nearly 0, wherever |v| ≤ t
    if isinstance(thresholds, float):
        within = torch._foreach_clamp_max(values, thresholds)
        torch._foreach_clamp_min_(within, -thresholds)
    else:
        bounds = list(thresholds)
        within = torch._foreach_clamp_max(values, bounds)
        torch._foreach_clamp_min_(within, torch._foreach_neg(bounds))
    torch._foreach_sub_(values, within)


class ProximalStep:
    """Called after each step of an optimiser whose groups have an `l1` above 0.

    It is a hook of the optimiser, so it is there on whichever way the step is taken, and it reads
    rate and state at that moment: schedules, resumed states and commands need no word of it.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._lengths = _LENGTHS[type(optimizer)]

    @torch.no_grad()
    def __call__(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        """Soft-threshold what `optimizer` has just updated."""
        left_out = getattr(optimizer, "found_inf", None)  # set while a device checks the gradient
        for group in optimizer.param_groups:
            if not group.get("l1"):
                continue
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            thresholds = [
                group["l1"] * self._lengths(group, optimizer.state[parameter])
                for parameter in moved
            ]
            if isinstance(left_out, Tensor):
                thresholds = [threshold * (1 - left_out) for threshold in thresholds]
            if all(isinstance(threshold, float) for threshold in thresholds):
                soft_threshold(moved, thresholds[0] if thresholds else 0.0)
            else:
                soft_threshold(
                    moved, [_like(*pair) for pair in zip(thresholds, moved, strict=True)]
                )

    @classmethod
    def attach(cls, optimizer: torch.optim.Optimizer) -> None:
        """Have it called after each step, where a group asks for it."""
        if any(group.get("l1") for group in optimizer.param_groups):
            optimizer.register_step_post_hook(cls(optimizer))


def proximal_step_of(optimizer: torch.optim.Optimizer) -> ProximalStep | None:
    """The one that is attached."""
    for hook in optimizer._optimizer_step_post_hooks.values():
        if isinstance(hook, ProximalStep):
            return hook
    return None


def refuse_without_lengths(kind: Any, *, name: str, l1: float) -> None:
    """Refuse an L1 that is no penalty, or an optimiser whose steps have no length of that kind.

    Raises:
        BadValue: in one sentence.
    """
    if not (isinstance(l1, (int, float)) and 0 <= l1 < math.inf):
        raise must_be("l1", "a finite number of at least 0", l1)
    if l1 and kind not in _LENGTHS:
        kinds = {one.__name__ for one in _LENGTHS}
        able = [entry.name for entry in CATALOGUE if entry.target.partition(":")[2] in kinds]
        raise must_be(
            "l1",
            f"0 with {name}, whose step is not that of one gradient",
            l1,
            f"It goes with {', '.join(able)}.",
        )


def share_of_zeros(optimizers: Iterable[torch.optim.Optimizer]) -> float | None:
    """Of the weights under an L1 penalty, how many are exactly 0; None where none are under one."""
    penalised = [
        parameter
        for optimizer in optimizers
        for group in optimizer.param_groups
        if group.get("l1")
        for parameter in group["params"]
    ]
    if not penalised:
        return None
    zeros = torch.stack([(parameter == 0).sum() for parameter in penalised]).sum()
    count: int = sum(parameter.numel() for parameter in penalised)
    return int(zeros) / count


def _like(threshold: Tensor | float, parameter: Tensor) -> Tensor:
    if isinstance(threshold, Tensor) and threshold.shape == parameter.shape:
        return threshold.to(parameter.dtype)
    return torch.zeros_like(parameter) + threshold


def _sgd(group: Mapping[str, Any], _: Mapping[str, Any]) -> float:
    longer = (1 - group["dampening"]) / (1 - group["momentum"]) if group["momentum"] else 1.0
    return float(group["lr"] * longer)


def _adam(group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor:
    square = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
    correction = 1 - group["betas"][1] ** state["step"]  # a tensor: on a device nobody waits
    root: Tensor = (square / correction).sqrt().add_(group["eps"])
    return root.reciprocal_().mul_(group["lr"])


def _radam(group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor | float:
    """Plain descent until the variance is known well enough, and rectified from then on."""
    second, step = group["betas"][1], float(state["step"])
    most = 2 / (1 - second) - 1
    known = most - 2 * step * second**step / (1 - second**step)
    if known <= 5:
        return float(group["lr"])
    shrinks = ((known - 4) * (known - 2) * most) / ((most - 4) * (most - 2) * known)
    root = (state["exp_avg_sq"].sqrt() + group["eps"]) / math.sqrt(1 - second**step)
    length: Tensor = group["lr"] * math.sqrt(shrinks) / root
    return length


def _adagrad(group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor:
    rate = group["lr"] / (1 + (float(state["step"]) - 1) * group["lr_decay"])
    length: Tensor = rate / (state["sum"].sqrt() + group["eps"])
    return length


def _rmsprop(group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor:
    square = state["square_avg"]
    if group["centered"]:
        square = square - state["grad_avg"].square()
    length: Tensor = group["lr"] / (square.sqrt() + group["eps"]) / (1 - group["momentum"])
    return length


_LENGTHS: Mapping[type, Lengths] = {
    MovingAverageMomentum: _sgd,
    torch.optim.SGD: _sgd,
    torch.optim.Adam: _adam,
    torch.optim.AdamW: _adam,
    torch.optim.NAdam: _adam,
    torch.optim.RAdam: _radam,
    torch.optim.Adagrad: _adagrad,
    torch.optim.RMSprop: _rmsprop,
}
