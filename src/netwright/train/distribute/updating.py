"""An update of which each process computes its share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright.data.batch import Streams, count_examples
from netwright.methods.base import Loss, Method, Phase
from netwright.train.aim import Aim
from netwright.train.distribute.reducing import Reducer
from netwright.train.update import Updater

if TYPE_CHECKING:
    from netwright.train.distribute.world import World

__all__ = ["DividedUpdater"]


@dataclass(frozen=True)
class _Agreed:
    """What all processes know of a phase since its first update.

    Attributes:
        nominal: what each divides its loss by before the backward pass.
        terms: names of the loss's terms.
    """

    nominal: float
    terms: tuple[str, ...]


class DividedUpdater(Updater):
    """The gradient of the global batch, from the shares of all processes.

    Each divides its total by one number that all know; the gradients are added up; and the sum is
    brought to the mean over the items that count on all of them. So processes with unlike counts
    weigh what they should, as an average over processes would not. Total, count and terms travel
    together: the loss that is told of is the global one, a term the mean over the processes that
    have it.

    Args:
        method: what learns.
        optimizers: by name.
        world: the processes.
        options: of `Updater`.
    """

    recovers = False  # the others could be anywhere in the update

    def __init__(
        self,
        method: Method,
        optimizers: Mapping[str, torch.optim.Optimizer],
        *,
        world: World,
        **options: Any,
    ) -> None:
        self._world = world
        self._reducers: dict[str, Reducer] = {}
        self._agreed: dict[str, _Agreed] = {}
        super().__init__(method, optimizers, **options)

    def look_anew(self) -> None:
        """See `Updater.look_anew`."""
        super().look_anew()
        self.close()

    def close(self) -> None:
        """See `Updater.close`."""
        for reducer in self._reducers.values():
            reducer.close()
        self._reducers.clear()

    def _pieces(self, phase: Phase, streams: Streams) -> list[Streams]:
        return self._world.pieces(streams, super()._pieces(phase, streams))

    def _gradient(
        self, phase: Phase, pieces: Sequence[Streams], aim: Aim
    ) -> tuple[Loss, Tensor, Tensor]:
        for parameter in aim.parameters:
            parameter.grad = None
        losses: list[Loss] = []
        self._reducer(phase, aim).hold()
        for piece in pieces[:-1]:
            self._descend(phase, pieces, losses, self._loss(phase, piece))
        last = self._loss(phase, pieces[-1])
        agreed = self._agreed_on(phase, last, pieces)
        told = _told([*losses, last], agreed)
        work = self._world.start_sum(told)
        reducer = self._reducer(phase, aim)  # the loss may have frozen and thawed
        reducer.arm()
        self._descend(phase, pieces, losses, last)
        parameters = reducer.finish(lambda: _after(work, agreed.nominal, told))
        if self._scaler is not None:
            for optimizer in aim.optimizers:
                self._scaler.unscale_(optimizer)
        norm = reducer.norm(parameters)
        if self.clipping.norm is not None or self.clipping.value is not None:
            self._shorten(reducer, parameters, norm)
        mean = (told[0] / told[1]).to(last.total.dtype)
        return replace(losses[-1], terms=_terms(told[2:], losses[-1], agreed)), mean, norm

    def _summed(self, value: Tensor) -> Tensor:
        total = value.clone()
        self._world.start_sum(total).wait()
        return total

    def _reducer(self, phase: Phase, aim: Aim) -> Reducer:
        """Of the parameters that ask for a gradient now."""
        trainable = [parameter for parameter in aim.parameters if parameter.requires_grad]
        reducer = self._reducers.get(phase.name)
        if reducer is None or list(map(id, reducer.given)) != list(map(id, trainable)):
            if reducer is not None:
                reducer.close()
            reducer = self._reducers[phase.name] = self._world.reducer(trainable)
        return reducer

    def _descend(
        self, phase: Phase, pieces: Sequence[Streams], losses: list[Loss], loss: Loss
    ) -> None:
        agreed = self._agreed_on(phase, loss, pieces)
        # on this process nothing may count, and on another something
        if loss.total.requires_grad:
            self._backward(loss.total / agreed.nominal)
        losses.append(loss.detached())

    def _shorten(self, reducer: Reducer, parameters: Sequence[Tensor], norm: Tensor) -> None:
        value, bound = self.clipping.value, self.clipping.norm
        gradients = reducer.local_gradients(parameters)
        if not gradients:
            return
        if value is not None:
            torch._foreach_clamp_min_(gradients, -value)
            torch._foreach_clamp_max_(gradients, value)
            norm = reducer.norm(parameters)
        if bound is not None:
            # as torch's clip_grads_with_norm_ does, which knows no gradients laid out in parts
            torch._foreach_mul_(gradients, (bound / (norm + 1e-6)).clamp(max=1.0))

    def _agreed_on(self, phase: Phase, loss: Loss, pieces: Sequence[Streams]) -> _Agreed:
        """What is divided by: near the count, and a power of two, which costs no bit."""
        if phase.name not in self._agreed:
            total = self._world.summed(sum(map(count_examples, pieces)))
            names = self._world.union(loss.terms)
            self._agreed[phase.name] = _Agreed(2.0 ** round(math.log2(total)), names)
        return self._agreed[phase.name]


def _told(losses: Sequence[Loss], agreed: _Agreed) -> Tensor:
    """Total, count, and each term of the last piece with whether it is there."""
    last = losses[-1]
    dtype = torch.float32 if last.total.device.type == "mps" else torch.float64
    told = torch.zeros(2 + 2 * len(agreed.terms), dtype=dtype, device=last.total.device)
    for loss in losses:
        told[0] += loss.total.detach()
        told[1] += loss.count.detach() if isinstance(loss.count, Tensor) else loss.count
    for place, name in enumerate(agreed.terms):
        if name in last.terms:
            told[2 + 2 * place] = last.terms[name].detach()
            told[3 + 2 * place] = 1
    return told


def _after(work: Any, nominal: float, told: Tensor) -> Tensor:
    """What brings a sum over all that was divided by `nominal` to the mean."""
    work.wait()
    return nominal / told[1]


def _terms(told: Tensor, loss: Loss, agreed: _Agreed) -> dict[str, Tensor]:
    own = {name: value.detach() for name, value in loss.terms.items()}
    for place, name in enumerate(agreed.terms):
        if name in own:
            own[name] = (told[2 * place] / told[2 * place + 1]).to(own[name].dtype)
    return own
