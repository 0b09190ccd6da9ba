"""The loss of an update as a function that may be asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright.data.batch import Streams
from netwright.methods.base import Loss, Phase
from netwright.train.aim import Clipping
from netwright.train.optimizers.objective import HessianProduct, Objective, hessian_product

if TYPE_CHECKING:
    from netwright.train.undo import BeforeStep

__all__ = ["AskedAgain", "Evaluation"]

Evaluation = tuple[Loss, Tensor, Tensor]
"""A loss without its graph, its mean over what counts, and the norm of its gradient."""


class AskedAgain(Objective):
    """One batch, cut or whole, of one process or of its share, under one random state.

    Args:
        phase: whose loss it is.
        pieces: of the batch.
        before: what an evaluation changes, to be put back before the next.
        gradient: computes the loss and leaves its gradient.
        loss_of: a piece's loss, with its graph.
        summed: adds a tensor up over all processes.
        clipping: of gradients.

    Attributes:
        taken: the evaluations with a gradient, in order.
    """

    def __init__(
        self,
        phase: Phase,
        pieces: Sequence[Streams],
        *,
        before: BeforeStep,
        gradient: Callable[[], Evaluation],
        loss_of: Callable[[Phase, Streams], Loss],
        summed: Callable[[Tensor], Tensor],
        clipping: Clipping,
    ) -> None:
        self.taken: list[Evaluation] = []
        self._phase, self._pieces, self._before = phase, pieces, before
        self._gradient, self._loss_of, self._summed = gradient, loss_of, summed
        self._clipping = clipping

    def __call__(self) -> float:
        """See `Objective`."""
        if self.taken:
            self._refuse_clipping()
            self._before.rewind()
        with torch.enable_grad():  # an optimiser steps without
            self.taken.append(self._gradient())
        return float(self.taken[-1][1])

    def loss(self) -> float:
        """See `Objective`."""
        self._before.rewind()
        with torch.enable_grad():  # some layers draw otherwise without
            found = [self._loss_of(self._phase, piece).detached() for piece in self._pieces]
        total, count = self._summed(_told(found)).tolist()
        return float(total / count)

    def hessian(self, parameters: Sequence[Tensor]) -> HessianProduct:
        """See `Objective`."""
        self._refuse_clipping()
        if len(self._pieces) > 1:
            return lambda vectors: self._in_pieces(parameters, vectors)
        self._before.rewind()
        loss = self._twice_differentiable(self._pieces[0])
        count = self._summed(_told([loss.detached()]))[1].to(loss.total.dtype)
        with torch.enable_grad():
            mean = loss.total / count
        product = hessian_product(mean, parameters)
        return lambda vectors: [self._summed(one) for one in product(vectors)]

    def _refuse_clipping(self) -> None:
        """One clipped gradient is a step; differences and slopes of several tell of no function."""
        if self._clipping.norm is not None or self._clipping.value is not None:
            raise must_be(
                "clipping",
                "left out with an optimiser that uses curvature",
                self._clipping,
                "A clipped gradient is not that of the loss.",
            )

    def _in_pieces(self, parameters: Sequence[Tensor], vectors: Sequence[Tensor]) -> list[Tensor]:
        """One piece's graph is held at a time, so each product computes it anew."""
        self._before.rewind()
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        found = []
        for piece in self._pieces:
            loss = self._twice_differentiable(piece)
            torch._foreach_add_(sums, hessian_product(loss.total, parameters)(vectors))
            found.append(loss.detached())
        count = self._summed(_told(found))[1].to(sums[0].dtype)
        return [self._summed(one) / count for one in sums]

    def _twice_differentiable(self, piece: Streams) -> Loss:
        """The loss with a graph whose gradient has a graph: attention's fast kernels give none."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            return self._loss_of(self._phase, piece)


def _told(losses: Sequence[Loss]) -> Tensor:
    """Total and count, to be added up over processes."""
    device = losses[0].total.device
    told = torch.zeros(2, dtype=_widest(device), device=device)
    for loss in losses:
        told[0] += loss.total
        told[1] += loss.count
    return told


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64
