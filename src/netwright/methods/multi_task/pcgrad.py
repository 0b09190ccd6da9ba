"""Gradients that do not undo each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from netwright._errors import must_be
from netwright.methods.multi_task.weighting import TaskCosts, Weighting

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads

__all__ = ["PCGrad", "projected_weights"]


class PCGrad(Weighting):
    """The sum of the tasks' gradients, each without what works against another.

    From a task's gradient, the part along every other task's gradient that it opposes is taken
    away, the others in a random order. Only parameters that several tasks share are treated so; a
    task's own head takes its own gradient. The loss that is recorded is the plain sum.

    When to use it: tasks that get worse together than alone. It takes a backward pass a task, and
    does nothing where gradients agree.

    Paper: Gradient Surgery for Multi-Task Learning, 2020, https://arxiv.org/abs/2001.06782
    Differs: the projections are done on the matrix of inner products, which gives the same vector
        for the cost of one; which parameters are heads is found out by which scores their rows
        reach, the first time. The order is drawn where there are three tasks or more.

    Args:
        heads: of the tasks.
    """

    accumulates = False
    compiles = False

    def __init__(self, heads: Heads) -> None:
        super().__init__(heads)
        self._scores = [head.scores for head in heads.heads]
        self._common: tuple[list[int], list[bool]] | None = None

    def total(self, costs: TaskCosts) -> Float[Tensor, ""]:
        """The sum of the losses, whose gradient is that of the projections."""
        plain = costs.totals.sum()
        if not plain.requires_grad:
            return plain
        _refuse_what_it_is_not(plain)
        parameters = [*costs.shared, *costs.own]
        is_common = [*self._shares(costs), *[False] * len(costs.own)]
        with torch.autocast(plain.device.type, enabled=False):
            by_task = [
                torch.autograd.grad(total, parameters, retain_graph=True, materialize_grads=True)
                for total in costs.totals.unbind()
            ]
            gradients = _surgery(by_task, is_common=is_common)
        return _WithGradient.apply(plain.detach(), gradients, *parameters)  # type: ignore[no-any-return]

    def floor(self, best: Float[Tensor, "tasks"], shares: Float[Tensor, "tasks"]) -> float:
        """The plain sum."""
        return float((best * shares).sum())

    def _shares(self, costs: TaskCosts) -> list[bool]:
        """Which of the network's parameters several tasks share; kept, as it takes passes too."""
        of = [id(parameter) for parameter in costs.shared]
        if self._common is None or self._common[0] != of:
            self._common = of, shared_parameters(costs.scores, self._scores, of=costs.shared)
        return self._common[1]


def shared_parameters(
    scores: Float[Tensor, "n width"], columns: Sequence[slice], *, of: Sequence[nn.Parameter]
) -> list[bool]:
    """Whether a parameter reaches the scores of more than one task by one of its rows.

    Told by the gradient of a random sum of each task's scores: the weight of a last layer reaches
    all tasks, but each of its rows one.

    Args:
        scores: of the network, with their graph.
        columns: of each task.
        of: the parameters.
    """
    draw = torch.Generator().manual_seed(0)
    found: list[list[Tensor]] = []
    for own in columns:
        mine = scores[:, own]
        by = torch.rand(mine.shape, generator=draw).to(mine) + 0.5
        told = torch.autograd.grad(mine, of, by, retain_graph=True, materialize_grads=True)
        found.append([_rows(one).any(dim=1) for one in told])
    reached = [torch.stack(rows).sum(dim=0) for rows in zip(*found, strict=True)]
    return [bool((rows > 1).any()) or not bool(rows.any()) for rows in reached]


def _rows(gradient: Tensor) -> Tensor:
    return gradient.reshape(-1, 1) if gradient.ndim < 2 else gradient.flatten(1)


def projected_weights(
    products: Float[Tensor, "tasks tasks"], orders: Sequence[Sequence[int]]
) -> Float[Tensor, "tasks"]:
    """How often each task's gradient stands in the sum of the projected ones.

    Args:
        products: inner products of the tasks' gradients.
        orders: task → the tasks that its gradient is compared with, one after the other; its own
            place among them changes nothing.
    """
    products = products.double()
    kept = torch.eye(len(products), dtype=torch.float64)
    for task, order in enumerate(orders):
        for other in order:
            against = products[other] @ kept[task]
            if other != task and against < 0:
                kept[task, other] -= against / products[other, other]
    return kept.sum(dim=0)


def _surgery(
    by_task: Sequence[tuple[Tensor, ...]], *, is_common: Sequence[bool]
) -> tuple[Tensor, ...]:
    """Projected for what is common, plain sums for the rest."""
    common = [
        torch.cat([one.reshape(-1) for one, shared in zip(of, is_common, strict=True) if shared])
        if any(is_common)
        else of[0].new_zeros(1)
        for of in by_task
    ]
    rows = torch.stack(common)
    products = (rows @ rows.T).cpu()
    weights = projected_weights(products, _orders(len(by_task))).tolist()
    summed: list[Tensor] = []
    for shared, of in zip(is_common, zip(*by_task, strict=True), strict=True):
        times = weights if shared else [1.0] * len(of)
        summed.append(sum((w * g for w, g in zip(times, of, strict=True)), torch.zeros_like(of[0])))
    return tuple(summed)


def _orders(tasks: int) -> list[list[int]]:
    if tasks < 3:  # there is one other at most
        return [list(range(tasks))] * tasks
    return [torch.randperm(tasks).tolist() for _ in range(tasks)]


class _WithGradient(torch.autograd.Function):
    """A number whose gradient is given."""

    @staticmethod
    def forward(
        context: Any, value: Tensor, gradients: tuple[Tensor, ...], *_: nn.Parameter
    ) -> Tensor:
        context.gradients = gradients
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(context: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *(upstream * one for one in context.gradients))


def _refuse_what_it_is_not(total: Tensor) -> None:
    """The mean of projections is not the projection of the mean; 16 bits underflow unscaled."""
    from torch import distributed

    together = distributed.is_available() and distributed.is_initialized()
    if together and distributed.get_world_size() > 1:
        raise must_be("weighting", "fixed or uncertainty over several processes", "pcgrad")
    kind = total.device.type
    if torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.float16:
        raise must_be("precision", "fp32 or bf16 with the weighting pcgrad", "fp16")
