"""One update: a batch, its gradient, and the step of the optimisers that take it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import _engine_run_backward

from netwright._errors import BadType, must_be
from netwright.data.batch import Batch, Streams, split_streams
from netwright.methods.base import Loss, Method, Phase
from netwright.train.optimizers.direct import Direct
from netwright.train.optimizers.reevaluating import reevaluates
from netwright.train.out_of_memory import (
    Before,
    Kept,
    free,
    is_out_of_memory,
    no_room_to_step,
    smaller,
)
from netwright.train.precision import Precision

__all__ = ["Aim", "Clipping", "Outcome", "Updater"]


_WIDE = (torch.float32, torch.float64)  # hold any count


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
    ) -> None:
        self.method = method
        self.optimizers = optimizers
        self.clipping = clipping or Clipping()
        self._precision = precision
        self._micro_batch_size = micro_batch_size
        self._piece_sizes = {} if piece_sizes is None else piece_sizes
        self._cut = cut
        self._scaler = scaler
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
        kept = _kept_buffers(self._holders) if self._holders else ()
        loss, mean, norm = self._gradient(phase, pieces, aim)
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
        return _without_graph(loss)  # the graph ends here: there is one at a time

    def _whole(self, phase: Phase, streams: Streams) -> tuple[Loss, Tensor]:
        """A batch in one piece divides by its count, as a hand-written loop does."""
        loss = self._loss(phase, streams)
        total, count = loss.total, loss.count
        if isinstance(count, Tensor) or total.dtype not in _WIDE:
            mean = total / (count.detach() if isinstance(count, Tensor) else count)
            self._backward(mean)
            return _without_graph(loss), mean.detach()
        divisor, share = self._shares.get((count, total.dtype)) or self._share(count, like=total)
        self._backward(total, share)
        settled = _without_graph(loss)
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

    def _reevaluated(self, phase: Phase, pieces: Sequence[Streams], aim: Aim) -> Outcome:
        """Hand the optimisers a closure that is the same function each time it is called."""
        if self._scaler is not None:
            raise must_be(
                "precision",
                "fp32 or bf16 with an optimiser that takes the gradient again",
                self._precision.name,
            )
        before = _Before.take(self.method, aim)
        taken: list[tuple[Loss, Tensor, Tensor]] = []

        def closure() -> float:
            if taken:
                before.rewind()
            taken.append(self._gradient(phase, pieces, aim))
            return float(taken[-1][1])

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
        loss, mean, norm = taken[0]
        return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=applied)


@dataclass(frozen=True)
class Aim:
    """What a phase updates, gathered once.

    Attributes:
        optimizers: of the phase.
        parameters: of all of them.
        steps: one for each optimiser.
        reevaluates: whether they take the gradient again.
        together: whether all parameters are on one device.
    """

    optimizers: Sequence[torch.optim.Optimizer]
    parameters: Sequence[Tensor]
    steps: Sequence[Callable[[], None]]
    reevaluates: bool
    together: bool

    @classmethod
    def at(cls, optimizers: Sequence[torch.optim.Optimizer]) -> Aim:
        """Gather it."""
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        return cls(
            optimizers,
            parameters,
            [Direct(optimizer).step for optimizer in optimizers],
            any(map(reevaluates, optimizers)),
            len({parameter.device for parameter in parameters}) == 1,
        )

    def gradients(self) -> list[Tensor]:
        """Those that are there."""
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def gradient_norm(self) -> Tensor:
        """Of all together; torch's own sorts them by device first, which costs."""
        gradients = self.gradients()
        if not gradients or not self.together:
            return torch.nn.utils.get_total_norm(gradients)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm


@dataclass(frozen=True)
class _Before:
    """What an evaluation changes besides gradients, to be set back before the next."""

    aim: Aim
    seen: Before
    values: list[Tensor]
    optimizer_states: list[dict[str, Any]]

    @classmethod
    def take(cls, method: Method, aim: Aim) -> _Before:
        return cls(
            aim,
            Before(method),
            [parameter.detach().clone() for parameter in aim.parameters],
            [copy.deepcopy(optimizer.state_dict()) for optimizer in aim.optimizers],
        )

    def rewind(self) -> None:
        """As before the first evaluation, parameters excepted."""
        self.seen.put_back()

    @torch.no_grad()
    def undo(self) -> None:
        """As if the update had not been tried; only the random state has gone on."""
        self.seen.put_back_state()
        for parameter, value in zip(self.aim.parameters, self.values, strict=True):
            parameter.copy_(value)
        for optimizer, state in zip(self.aim.optimizers, self.optimizer_states, strict=True):
            optimizer.load_state_dict(state)


def _kept_buffers(holders: Sequence[nn.Module]) -> list[tuple[Tensor, Tensor]]:
    """Buffers with a copy of each: NaN in running statistics would outlast an update left out.

    On a GPU the copies would cost launches at every step, and whether to put them back is not known
    here.
    """
    return [
        (buffer, buffer.clone())
        for holder in holders
        for buffer in holder._buffers.values()
        if buffer is not None and buffer.device.type == "cpu"
    ]


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


def _without_graph(loss: Loss) -> Loss:
    count = loss.count
    return Loss(
        total=loss.total.detach(),
        count=count.detach() if isinstance(count, Tensor) else count,
        terms={name: value.detach() for name, value in loss.terms.items()} if loss.terms else {},
        term_weights=loss.term_weights,
    )
