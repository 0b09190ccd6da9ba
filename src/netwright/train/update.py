"""One update: a batch, its gradient, and the step of the optimisers that take it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward

from netwright._errors import BadType, must_be
from netwright.data.batch import Batch, Streams, split_streams
from netwright.methods.base import Loss, Method, Phase
from netwright.train.aim import Aim, Clipping
from netwright.train.asked_again import AskedAgain
from netwright.train.out_of_memory import free, is_out_of_memory, no_room_to_step, smaller
from netwright.train.precision import Precision
from netwright.train.undo import BeforeStep, Kept, kept_buffers

__all__ = ["Outcome", "Updater"]


_WIDE = (torch.float32, torch.float64)  # hold any count


class Outcome(NamedTuple):
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
        piece_sizes: phase → the same where memory gave out; more are added when it does.
        cut: told of a phase and the size its batches are cut to from now on.
        clipping: of gradients.
        scaler: of the loss in fp16.
        noise: puts noise on gradients, in place.

    Attributes:
        recovers: whether an update for which memory gives out may be repeated in smaller pieces.
    """

    recovers = True

    def __init__(
        self,
        method: Method,
        optimizers: Mapping[str, torch.optim.Optimizer],
        *,
        precision: Precision,
        micro_batch_size: int | None = None,
        piece_sizes: dict[str, int] | None = None,
        cut: Callable[[str, int], None] | None = None,
        clipping: Clipping | None = None,
        scaler: torch.amp.GradScaler | None = None,
        noise: Callable[[Sequence[Tensor]], None] | None = None,
    ) -> None:
        self.method = method
        self.optimizers = optimizers
        self.clipping = clipping or Clipping()
        self._precision = precision
        self._micro_batch_size = micro_batch_size
        self._piece_sizes = {} if piece_sizes is None else piece_sizes
        self._cut = cut
        self._scaler = scaler
        self._noise = noise
        self.look_anew()

    def look_anew(self) -> None:
        """Take note of the method's modules and optimisers, which have been replaced.

        The host checks the next update of each phase, as on the first one.
        """
        self._stepped_once: set[str] = set()
        self._aims: dict[str, Aim] = {}
        self._shares: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] = {}
        # buffers may be assigned anew in any step, the modules that hold them may not
        self._holders = [module for module in self.method.modules() if module._buffers]
        self._kept = Kept(self.method, on_gpu=self._precision.device_type == "cuda")

    def close(self) -> None:
        """Leave nothing on the method's parameters that listens to them."""

    def run(self, phase: Phase, streams: Streams) -> Outcome:
        """Update the optimisers of `phase` on one batch."""
        aim = self._aims.get(phase.name) or self._aim_at(phase)
        self._kept.note(phase.name, streams)
        while True:
            try:
                return self._run(phase, streams, aim)
            except Exception as error:
                if not (self.recovers and is_out_of_memory(error)):
                    raise
            # here the error is gone, and with it the frames that held the graph
            self._make_room(phase, streams, aim)

    def _run(self, phase: Phase, streams: Streams, aim: Aim) -> Outcome:
        whole = self._micro_batch_size is None and not self._piece_sizes
        pieces = [streams] if whole else self._pieces(phase, streams)
        if aim.reevaluates:
            return self._reevaluated(phase, pieces, aim)
        kept = kept_buffers(self._holders) if self._holders else ()
        loss, mean, norm = self._gradient(phase, pieces, aim)
        if self._noise is not None:
            self._noise(aim.gradients())
        try:
            applied, left_out = self._apply(phase, norm, aim)
        except Exception as error:
            if is_out_of_memory(error):
                raise no_room_to_step(phase) from error
            raise
        if not applied:
            for buffer, value in kept:
                buffer.copy_(value)
        return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=applied, left_out=left_out)

    def _aim_at(self, phase: Phase) -> Aim:
        aim = Aim.at([self.optimizers[name] for name in phase.optimizers])
        if aim.reevaluates and self._noise is not None:
            kinds = [type(optimizer).__name__ for optimizer in aim.optimizers]
            raise must_be(
                "gradient_noise",
                "left out with an optimiser that asks for the gradient itself",
                ", ".join(kinds),
            )
        self._aims[phase.name] = aim
        return aim

    def _make_room(self, phase: Phase, streams: Streams, aim: Aim) -> None:
        """Cut the phase's batches smaller than what did not fit; undo what was begun."""
        for parameter in aim.parameters:
            parameter.grad = None
        self._kept.put_back()
        free()
        size = smaller(phase, streams, size=self._size_of_pieces(phase))
        self._piece_sizes[phase.name] = size
        if self._cut is not None:
            self._cut(phase.name, size)

    def _size_of_pieces(self, phase: Phase) -> int | None:
        return self._piece_sizes.get(phase.name, self._micro_batch_size)

    def _pieces(self, phase: Phase, streams: Streams) -> list[Streams]:
        pieces = split_streams(streams, self._size_of_pieces(phase))
        if len(pieces) > 1 and not phase.accumulates:
            raise must_be(
                "micro_batch_size",
                f"the whole batch in phase {phase.name}, whose loss is not a sum over examples",
                self._size_of_pieces(phase),
                "Leave it out, or make the batches smaller.",
            )
        return pieces

    def _gradient(
        self, phase: Phase, pieces: Sequence[Streams], aim: Aim
    ) -> tuple[Loss, Tensor, Tensor]:
        """Leave the gradient of the mean loss in the parameters, clipped.

        Returns:
            The last piece's loss without its graph, the mean over all, the norm before clipping.
        """
        for parameter in aim.parameters:
            parameter.grad = None
        if len(pieces) == 1:
            loss, mean = self._whole(phase, pieces[0])
        else:
            loss, mean = self._accumulate(phase, pieces, aim)
        if self._scaler is not None:
            for optimizer in aim.optimizers:
                self._scaler.unscale_(optimizer)
        norm = aim.gradient_norm()
        if self.clipping.norm is not None or self.clipping.value is not None:
            self._clip(aim, norm)
        return loss, mean, norm

    def _accumulate(self, phase: Phase, pieces: Sequence[Streams], aim: Aim) -> tuple[Loss, Tensor]:
        """Pieces divide by a number known beforehand and settle the difference at the end.

        So fp16 does not overflow on the way.
        """
        divisor = sum(map(_size, pieces))
        settled = [self._piece(phase, piece, divisor) for piece in pieces]
        total = reduce(add, [loss.total for loss in settled])
        count = reduce(add, [loss.count for loss in settled])
        if isinstance(count, Tensor) or count != divisor:
            torch._foreach_mul_(aim.gradients(), divisor / _as_scalar(count, like=total))
        return settled[-1], total / count

    def _piece(self, phase: Phase, streams: Streams, divisor: int) -> Loss:
        loss = self._loss(phase, streams)
        self._backward(loss.total / divisor)
        return loss.detached()  # the graph ends here: there is one at a time

    def _whole(self, phase: Phase, streams: Streams) -> tuple[Loss, Tensor]:
        """A batch in one piece divides by its count, as a hand-written loop does."""
        loss = self._loss(phase, streams)
        total, count = loss.total, loss.count
        if isinstance(count, Tensor) or total.dtype not in _WIDE:
            mean = total / (count.detach() if isinstance(count, Tensor) else count)
            self._backward(mean)
            return loss.detached(), mean.detach()
        divisor, share = self._shares.get((count, total.dtype)) or self._share(count, like=total)
        self._backward(total, share)
        settled = loss.detached()
        return settled, settled.total / divisor

    def _share(self, count: int, *, like: Tensor) -> tuple[Tensor, Tensor]:
        """The count, and what the gradient of total / count begins with; kept, as tensors."""
        divisor = torch.full_like(like, count, requires_grad=False)
        pair = self._shares[count, like.dtype] = divisor, torch.ones_like(divisor) / divisor
        return pair

    def _loss(self, phase: Phase, streams: Streams) -> Loss:
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
        if loss.total.dim():
            raise must_be(
                f"total of phase {phase.name}",
                "a scalar, the sum over the items that count",
                tuple(loss.total.shape),
                "Sum it.",
            )
        return loss

    def _backward(self, value: Tensor, weight: Tensor | None = None) -> None:
        """Add the gradient of value × weight to the parameters'."""
        if self._scaler is not None:
            value = self._scaler.scale(value)
        if weight is None:
            torch.autograd.backward(value)
            return
        # torch.autograd.backward without its checks, which take as long as a small layer
        _engine_run_backward(
            (value,), (weight,), False, False, (), allow_unreachable=True, accumulate_grad=True
        )

    def _clip(self, aim: Aim, norm: Tensor) -> None:
        parameters = [p for p in aim.parameters if p.grad is not None]
        if not parameters:
            return
        if self.clipping.value is not None:
            torch.nn.utils.clip_grad_value_(parameters, self.clipping.value)
            norm = aim.gradient_norm()
        if self.clipping.norm is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.clipping.norm, norm)

    def _apply(self, phase: Phase, norm: Tensor, aim: Aim) -> tuple[bool, Tensor | None]:
        """Step, unless a gradient is not finite.

        Returns:
            See `Outcome.applied` and `Outcome.left_out`.
        """
        if self._scaler is not None:
            before = self._scaler.get_scale()
            for optimizer in aim.optimizers:
                self._scaler.step(optimizer)
            self._scaler.update()
            return self._scaler.get_scale() >= before, None
        if self._checks_itself(phase, norm, aim):
            found = (~torch.isfinite(norm)).to(torch.float32)
            for optimizer in aim.optimizers:
                optimizer.found_inf = found  # type: ignore[attr-defined]
                optimizer.step()
                optimizer.found_inf = None  # type: ignore[attr-defined]
            return True, found
        # On a processor reading the number costs nothing; elsewhere this waits for the device.
        if not math.isfinite(norm.item()):
            return False, None
        for step in aim.steps:
            step()
        self._stepped_once.add(phase.name)
        return True, None

    def _checks_itself(self, phase: Phase, norm: Tensor, aim: Aim) -> bool:
        """Whether the fused kernels turn a non-finite update into a no-op on the device.

        Not before an update was applied: a first one that is left out would leave their buffers
        unfilled.
        """
        return (
            norm.is_cuda
            and phase.name in self._stepped_once
            and all(getattr(o, "_step_supports_amp_scaling", False) for o in aim.optimizers)
        )

    def _summed(self, value: Tensor) -> Tensor:
        """A tensor added up over all processes."""
        return value

    def _reevaluated(self, phase: Phase, pieces: Sequence[Streams], aim: Aim) -> Outcome:
        """Hand the optimisers a closure that is the same function each time it is called."""
        if self._scaler is not None:
            raise must_be(
                "precision",
                "fp32 or bf16 with an optimiser that takes the gradient again",
                self._precision.name,
            )
        before = BeforeStep.take(self.method, aim)
        closure = AskedAgain(
            phase,
            pieces,
            before=before,
            gradient=lambda: self._gradient(phase, pieces, aim),
            loss_of=self._loss,
            summed=self._summed,
            clipping=self.clipping,
        )
        try:
            for optimizer in aim.optimizers:
                optimizer.step(closure)
        except Exception as error:
            if is_out_of_memory(error):  # perhaps not in the first evaluation
                before.undo()
            raise
        applied = all(bool(torch.isfinite(parameter).all()) for parameter in aim.parameters)
        if not applied:
            before.undo()
        loss, mean, norm = closure.taken[0]
        return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=applied)


def _size(streams: Streams) -> int:
    return (
        len(streams)
        if isinstance(streams, Batch)
        else max(len(batch) for batch in streams.values())
    )


def _as_scalar(count: Tensor | int, *, like: Tensor) -> Any:
    if not isinstance(count, Tensor):
        return float(count)
    return count.to(torch.promote_types(like.dtype, torch.float32))
