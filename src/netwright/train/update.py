"""One update: a batch, its gradient, and the step of the optimisers that take it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from netwright import _random
from netwright._errors import BadType, must_be
from netwright.data.batch import Batch, Streams, split_streams
from netwright.methods.base import Loss, Method, Phase
from netwright.train.optimizers.reevaluating import reevaluates
from netwright.train.precision import Precision

__all__ = ["Clipping", "Outcome", "Updater"]


@dataclass(frozen=True, kw_only=True)
class Clipping:
    """How gradients are kept small before a step.

    Attributes:
        norm: gradients of a phase are rescaled together to at most this Euclidean norm.
        value: each entry is clamped to ± this.
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("clip_norm", self.norm), ("clip_value", self.value)):
            if bound is not None and not bound > 0:
                raise must_be(name, "above 0", bound, "Leave it out for no clipping.")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an update came to; tensors stay on the device.

    Attributes:
        loss: of the last micro-batch, detached.
        mean: scalar, the loss of the whole batch per item that counts.
        gradient_norm: scalar, before clipping.
        applied: False where a gradient was not finite and nothing was changed. On a GPU whose
            optimiser checks this itself the answer stays there and True is reported here.
        left_out: scalar, 1 where such an optimiser changed nothing, else 0; None where the host
            knows.
    """

    loss: Loss
    mean: Tensor
    gradient_norm: Tensor
    applied: bool
    left_out: Tensor | None = None


class Updater:
    """Carries out the updates of one stage.

    Args:
        method: what learns.
        optimizers: by name.
        precision: number format of the forward pass.
        micro_batch_size: examples whose graph is held at a time; None takes the batch whole.
        clipping: of gradients.
    """

    def __init__(
        self,
        method: Method,
        optimizers: Mapping[str, torch.optim.Optimizer],
        *,
        precision: Precision,
        micro_batch_size: int | None = None,
        clipping: Clipping | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.method = method
        self.optimizers = optimizers
        self.clipping = clipping or Clipping()
        self._precision = precision
        self._micro_batch_size = micro_batch_size
        self._scaler = scaler
        self.look_anew()

    def look_anew(self) -> None:
        """Take note of the method's modules, which have been replaced.

        The host checks the next update of each phase, as on the first one.
        """
        self._stepped_once: set[str] = set()
        # buffers may be assigned anew in any step, the modules that hold them may not
        self._holders = [module for module in self.method.modules() if module._buffers]

    def run(self, phase: Phase, streams: Streams) -> Outcome:
        """Update the optimisers of `phase` on one batch."""
        optimizers = [self.optimizers[name] for name in phase.optimizers]
        micro_batches = split_streams(streams, self._micro_batch_size)
        if len(micro_batches) > 1 and not phase.accumulates:
            raise must_be(
                "micro_batch_size",
                f"the whole batch in phase {phase.name}, whose loss is not a sum over examples",
                self._micro_batch_size,
                "Leave it out, or make the batches smaller.",
            )
        if any(reevaluates(optimizer) for optimizer in optimizers):
            return self._reevaluated(phase, micro_batches, optimizers)
        # NaN in running statistics would outlast the update that is left out. On a GPU the copies
        # would cost launches at every step, and whether to put them back is not known here.
        kept = [
            (buffer, buffer.clone())
            for holder in self._holders
            for buffer in holder._buffers.values()
            if buffer is not None and buffer.device.type == "cpu"
        ]
        outcome = self._gradient(phase, micro_batches, optimizers)
        outcome = self._apply(phase, outcome, optimizers)
        if not outcome.applied:
            for buffer, value in kept:
                buffer.copy_(value)
        return outcome

    def _gradient(
        self,
        phase: Phase,
        micro_batches: Sequence[Streams],
        optimizers: Sequence[torch.optim.Optimizer],
    ) -> Outcome:
        """Leave the gradient of the mean loss in the parameters, clipped; measure it."""
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        # A single batch divides its loss, as a hand-written loop does. Pieces divide by a number
        # known beforehand (so that fp16 does not overflow) and settle the difference at the end.
        divisor = None if len(micro_batches) == 1 else sum(map(_size, micro_batches))
        loss, mean = self._backward(phase, micro_batches[0], divisor)
        total, count = loss.total, loss.count
        for piece in micro_batches[1:]:
            loss, _ = self._backward(phase, piece, divisor)
            total, count = total + loss.total, count + loss.count
            mean = total / count
        parameters = [
            parameter
            for optimizer in optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        gradients = [p.grad for p in parameters if p.grad is not None]
        if divisor is not None and not _same(count, divisor):
            torch._foreach_mul_(gradients, divisor / _as_scalar(count, like=total))
        if self._scaler is not None:
            for optimizer in optimizers:
                self._scaler.unscale_(optimizer)
        norm = _total_norm(gradients)
        self._clip(parameters, norm)
        return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=True)

    def _backward(self, phase: Phase, streams: Streams, divisor: int | None) -> tuple[Loss, Tensor]:
        """The loss without its graph, and what backward began from."""
        with self._precision.autocast():
            loss = phase.loss(streams)
        if not isinstance(loss, Loss):
            raise must_be(
                f"loss of phase {phase.name}",
                "a netwright Loss(total=..., count=...)",
                type(loss).__name__,
                "Return the sum over the batch and how many items it sums.",
                error=BadType,
            )
        loss = replace(loss, count=_detached(loss.count))  # a number, not a thing to learn
        mean = loss.total / (loss.count if divisor is None else divisor)
        (mean if self._scaler is None else self._scaler.scale(mean)).backward()  # type: ignore[no-untyped-call]
        terms = {name: value.detach() for name, value in loss.terms.items()}
        return replace(loss, total=loss.total.detach(), terms=terms), mean.detach()

    def _clip(self, parameters: Sequence[Tensor], norm: Tensor) -> None:
        if self.clipping.value is not None:
            torch.nn.utils.clip_grad_value_(parameters, self.clipping.value)
            norm = _total_norm([p.grad for p in parameters if p.grad is not None])
        if self.clipping.norm is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.clipping.norm, norm)

    def _apply(
        self, phase: Phase, outcome: Outcome, optimizers: Sequence[torch.optim.Optimizer]
    ) -> Outcome:
        if self._scaler is not None:
            before = self._scaler.get_scale()
            for optimizer in optimizers:
                self._scaler.step(optimizer)
            self._scaler.update()
            return replace(outcome, applied=self._scaler.get_scale() >= before)
        if self._checks_itself(phase, outcome.gradient_norm, optimizers=optimizers):
            found = (~torch.isfinite(outcome.gradient_norm)).to(torch.float32)
            for optimizer in optimizers:
                optimizer.found_inf = found  # type: ignore[attr-defined]
                optimizer.step()
                optimizer.found_inf = None  # type: ignore[attr-defined]
            return replace(outcome, left_out=found)
        # On a processor reading the number costs nothing; elsewhere this waits for the device.
        if not math.isfinite(float(outcome.gradient_norm)):
            return replace(outcome, applied=False)
        for optimizer in optimizers:
            optimizer.step()
        self._stepped_once.add(phase.name)
        return outcome

    def _checks_itself(
        self, phase: Phase, norm: Tensor, *, optimizers: Sequence[torch.optim.Optimizer]
    ) -> bool:
        """Whether the fused kernels turn a non-finite update into a no-op on the device.

        Not before an update was applied: a first one that is left out would leave their buffers
        unfilled.
        """
        return (
            norm.device.type == "cuda"
            and phase.name in self._stepped_once
            and all(getattr(o, "_step_supports_amp_scaling", False) for o in optimizers)
        )

    def _reevaluated(
        self,
        phase: Phase,
        micro_batches: Sequence[Streams],
        optimizers: Sequence[torch.optim.Optimizer],
    ) -> Outcome:
        """Hand the optimisers a closure that is the same function each time it is called."""
        if self._scaler is not None:
            raise must_be(
                "precision",
                "fp32 or bf16 with an optimiser that takes the gradient again",
                self._precision.name,
            )
        before = _Before.take(self.method, optimizers)
        outcomes: list[Outcome] = []

        def closure() -> float:
            if outcomes:
                before.rewind()
            outcomes.append(self._gradient(phase, micro_batches, optimizers))
            return float(outcomes[-1].mean)

        for optimizer in optimizers:
            optimizer.step(closure)
        if all(bool(torch.isfinite(parameter).all()) for parameter in before.parameters):
            return outcomes[0]
        before.undo()
        return replace(outcomes[0], applied=False)


@dataclass(frozen=True)
class _Before:
    """What an evaluation changes besides gradients, to be set back before the next."""

    method: Method
    optimizers: Sequence[torch.optim.Optimizer]
    random: dict[str, Any]
    buffers: list[Tensor]
    stateful: dict[str, dict[str, Any]]
    parameters: list[Tensor]
    values: list[Tensor]
    optimizer_states: list[dict[str, Any]]

    @classmethod
    def take(cls, method: Method, optimizers: Sequence[torch.optim.Optimizer]) -> _Before:
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        return cls(
            method,
            optimizers,
            _random.capture(),
            [buffer.detach().clone() for buffer in method.buffers()],
            {name: copy.deepcopy(part.state_dict()) for name, part in method.stateful.items()},
            parameters,
            [parameter.detach().clone() for parameter in parameters],
            [copy.deepcopy(optimizer.state_dict()) for optimizer in optimizers],
        )

    def rewind(self) -> None:
        """As before the first evaluation, parameters excepted."""
        _random.restore(self.random)
        self._put_back()

    @torch.no_grad()
    def _put_back(self) -> None:
        for buffer, value in zip(self.method.buffers(), self.buffers, strict=True):
            buffer.copy_(value)
        for name, part in self.method.stateful.items():
            part.load_state_dict(copy.deepcopy(self.stateful[name]))

    @torch.no_grad()
    def undo(self) -> None:
        """As if the update had not been tried; only the random state has gone on."""
        self._put_back()
        for parameter, value in zip(self.parameters, self.values, strict=True):
            parameter.copy_(value)
        for optimizer, state in zip(self.optimizers, self.optimizer_states, strict=True):
            optimizer.load_state_dict(state)


def _total_norm(gradients: list[Tensor]) -> Tensor:
    """The Euclidean norm of all together; torch's own sorts them by device first, which costs."""
    if not gradients or any(one.device != gradients[0].device for one in gradients):
        return torch.nn.utils.get_total_norm(gradients)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def _size(streams: Streams) -> int:
    return (
        len(streams)
        if isinstance(streams, Batch)
        else max(len(batch) for batch in streams.values())
    )


def _same(count: Tensor | int, divisor: int) -> bool:
    return not isinstance(count, Tensor) and count == divisor


def _as_scalar(count: Tensor | int, *, like: Tensor) -> Any:
    if not isinstance(count, Tensor):
        return float(count)
    return count.to(torch.promote_types(like.dtype, torch.float32))


def _detached(count: Tensor | int) -> Tensor | int:
    return count.detach() if isinstance(count, Tensor) else count
