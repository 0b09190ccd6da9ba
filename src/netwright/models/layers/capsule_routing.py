"""Routing by agreement: which capsules above a capsule's answer is sent to."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["route", "squash"]

_TINY = 1e-12  # under the root, so that the gradient at the zero vector is 0 and not NaN


def squash(vectors: Float[Tensor, "..."], *, dim: int = -1) -> Float[Tensor, "..."]:
    """The direction kept, the length brought between 0 and 1: v = s |s| / (1 + |s|²).

    Paper: Dynamic Routing Between Capsules, Sabour, Frosst and Hinton 2017,
        https://arxiv.org/abs/1710.09829, equation 1

    Args:
        vectors: along `dim`.
        dim: of a vector's coordinates.

    Example:
        >>> squash(torch.tensor([0.0, 3.0]))
        tensor([0.0000, 0.9000])
    """
    squares = vectors.square().sum(dim=dim, keepdim=True)
    return vectors * ((squares + _TINY).sqrt() / (1 + squares))


def route(
    capsules: Float[Tensor, "n d i"],
    weight: Float[Tensor, "k d i e"],
    *,
    routings: int = 3,
) -> Float[Tensor, "n k e"]:
    """What arrives at each of k capsules from i below, before it is squashed.

    Capsule i predicts W_ik u_i for capsule k. Its couplings to all k are a softmax of how well its
    predictions have agreed with what came out so far, and begin equal; the couplings of the last
    round give the result. Gradients go through all rounds, as those of the written-out loop do.

    The (n, i, k, e) predictions are never held: a sum of them is one product of the coupled
    capsules with the weights, and an agreement one with the weights the other way round, a class at
    a time so that what lies between stays in a processor's cache.

    Paper: Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829, procedure 1

    Args:
        capsules: squashed, of d coordinates.
        weight: from each capsule below to each above.
        routings: rounds, at least 1; with 1 all couplings are 1 / k.
    """
    n, num_classes = capsules.shape[0], weight.shape[0]
    together = weight.flatten(1, 2)
    flat = capsules.flatten(1)
    if num_classes == 1:  # nothing to choose from
        return (flat @ together[0])[:, None]
    above = (flat @ together.transpose(0, 1).flatten(1)).view(n, num_classes, -1) / num_classes
    above = above.transpose(0, 1)
    seen = torch.zeros_like(above)
    for _ in range(routings - 1):
        seen = seen + squash(above)
        agreement: Tensor = _Agree.apply(seen, capsules, together)
        coupling = agreement.softmax(dim=0)
        above = _Collect.apply(coupling, capsules, together)
    return above.transpose(0, 1)


class _Collect(torch.autograd.Function):
    """(k, n, i) couplings → (k, n, e) the coupled predictions, summed."""

    generate_vmap_rule = True

    @staticmethod
    def forward(coupling: Tensor, capsules: Tensor, weight: Tensor) -> Tensor:
        return torch.stack(
            [_coupled(one, capsules) @ kernel for one, kernel in zip(coupling, weight, strict=True)]
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], *_: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        coupling, capsules, weight = ctx.saved_tensors
        of_coupling, of_capsules, of_weight = [], torch.zeros_like(capsules), []
        for one, above, kernel in zip(coupling, gradients[0], weight, strict=True):
            back = _sent_back(above, kernel, like=capsules)
            of_coupling.append((back * capsules).sum(dim=1))
            of_capsules = torch.addcmul(of_capsules, back, one[:, None])
            of_weight.append(_coupled(one, capsules).mT @ above)
        return torch.stack(of_coupling), of_capsules, torch.stack(of_weight)


class _Agree(torch.autograd.Function):
    """(k, n, e) what came out → (k, n, i) the inner product of each prediction with it."""

    generate_vmap_rule = True

    @staticmethod
    def forward(above: Tensor, capsules: Tensor, weight: Tensor) -> Tensor:
        return torch.stack(
            [
                (_sent_back(one, kernel, like=capsules) * capsules).sum(dim=1)
                for one, kernel in zip(above, weight, strict=True)
            ]
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], *_: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        above, capsules, weight = ctx.saved_tensors
        of_above, of_capsules, of_weight = [], torch.zeros_like(capsules), []
        for one, vector, kernel in zip(gradients[0], above, weight, strict=True):
            coupled = _coupled(one, capsules)
            of_above.append(coupled @ kernel)
            back = _sent_back(vector, kernel, like=capsules)
            of_capsules = torch.addcmul(of_capsules, back, one[:, None])
            of_weight.append(coupled.mT @ vector)
        return torch.stack(of_above), of_capsules, torch.stack(of_weight)


def _coupled(coupling: Tensor, capsules: Tensor) -> Tensor:
    """(n, i) of one class and (n, d, i) → (n, d · i)."""
    return (coupling[:, None] * capsules).flatten(1)


def _sent_back(above: Tensor, kernel: Tensor, *, like: Tensor) -> Tensor:
    """(n, e) of one class through its (d · i, e) weights → (n, d, i)."""
    return (above @ kernel.mT).view_as(like)
