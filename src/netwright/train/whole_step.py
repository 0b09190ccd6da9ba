"""A training step as one function of tensors: forward, loss, backward, norm, clipping, update.

Nothing here knows of a compiler. The tensors it is given are gathered once; it writes the new
values into them, or the old ones where a gradient was not finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from netwright.data.batch import Streams
from netwright.methods.base import Loss, Phase
from netwright.train.aim import Clipping
from netwright.train.optimizers.functional_updates import Rule
from netwright.train.precision import Precision

__all__ = ["Carrier", "Held", "Kin", "WholeStep"]


class Carrier(nn.Module):
    """A phase's loss as the forward of a module, so that parameters can be put in its place."""

    def __init__(self, method: nn.Module, phase: Phase) -> None:
        super().__init__()
        self.method = method
        self.loss = phase.loss

    def forward(self, streams: Streams) -> Loss:
        """The phase's loss."""
        return self.loss(streams)


@dataclass(frozen=True)
class Held:
    """The tensors that a step reads and writes, gathered once.

    Attributes:
        parameters: that the loss depends on.
        buffers: that the forward pass writes into.
        states: of the optimisers, for each parameter.
        rates: (groups,) learning rates.
    """

    parameters: list[Tensor]
    buffers: list[Tensor]
    states: list[list[Tensor]]
    rates: Tensor


@dataclass(frozen=True)
class Kin:
    """Parameters that are updated by the same numbers.

    Attributes:
        rule: of their group.
        rate: place of their learning rate.
        members: places among the parameters.
    """

    rule: Rule
    rate: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class WholeStep:
    """The step of one phase.

    Attributes:
        names: of the held parameters, then of the held buffers, within the carrier.
        kins: who is updated how.
        clipping: of gradients.
        precision: number format of the forward pass.
    """

    names: tuple[str, ...]
    kins: tuple[Kin, ...]
    clipping: Clipping
    precision: Precision

    def __call__(self, carrier: Carrier, held: Held, streams: Streams) -> tuple[Any, ...]:
        """Carry it out.

        Returns:
            The mean, the gradient's norm, 1 where it was not finite and nothing was changed (else
            0), then total, count, terms and their weights as a `Loss` has them.
        """
        said: list[Any] = []
        differentiated = grad_and_value(
            lambda values: self._cost(carrier, held, streams, values=values, said=said),
            has_aux=True,
        )
        gradients, (mean, measured) = differentiated(held.parameters)
        total, counted, terms, buffers = measured
        count, names, weights = said
        norm = _norm(gradients)
        finite = torch.isfinite(norm)
        self._update(held, self._clipped(gradients, norm), finite=finite)
        for buffer, value in zip(held.buffers, buffers, strict=True):
            buffer.copy_(torch.where(finite, value, buffer))
        left_out = (~finite).to(torch.float32)
        named = dict(zip(names, terms, strict=True))
        return mean, norm, left_out, total, counted[0] if counted else count, named, weights

    def _cost(
        self,
        carrier: Carrier,
        held: Held,
        streams: Streams,
        *,
        values: Sequence[Tensor],
        said: list[Any],
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """The mean loss at `values`, and what else came of it; what is no tensor is `said`."""
        # the forward pass writes into copies: what it wrote counts only if the step does
        buffers = [buffer.clone() for buffer in held.buffers]
        given = dict(zip(self.names, [*values, *buffers], strict=True))
        with self.precision.autocast():
            loss = functional_call(carrier, given, (streams,))
        counted = [loss.count.detach()] if isinstance(loss.count, Tensor) else []
        said.extend((None if counted else loss.count, tuple(loss.terms), loss.term_weights))
        terms = [value.detach() for value in loss.terms.values()]
        mean = loss.total / (counted[0] if counted else loss.count)
        return mean, (loss.total.detach(), counted, terms, buffers)

    def _clipped(self, gradients: Sequence[Tensor], norm: Tensor) -> Sequence[Tensor]:
        largest = self.clipping.value
        if largest is not None:
            gradients = [gradient.clamp(-largest, largest) for gradient in gradients]
            norm = _norm(gradients)
        if self.clipping.norm is not None:
            factor = (self.clipping.norm / (norm + 1e-6)).clamp(max=1.0)  # as torch has it
            gradients = [gradient * factor for gradient in gradients]
        return gradients

    def _update(self, held: Held, gradients: Sequence[Tensor], *, finite: Tensor) -> None:
        for kin in self.kins:
            rate = held.rates[kin.rate]
            scalars = kin.rule.scalars(held.states[kin.members[0]], rate)
            for place in kin.members:
                parameter, state = held.parameters[place], held.states[place]
                after = kin.rule.next(parameter, gradients[place], state=state, scalars=scalars)
                for old, new in zip([parameter, *state], after, strict=True):
                    old.copy_(torch.where(finite, new, old))


def _norm(gradients: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all together, in the form that the compiler fuses."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return norm
