"""What an update changes, kept so that it can be put back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright.data.batch import Batch, Streams
from netwright.methods.base import Method
from netwright.train.aim import Aim

__all__ = ["Before", "BeforeStep", "Kept", "kept_buffers"]

_GROWING = 3  # updates of a phase until the optimisers of all phases have made their states


class Kept:
    """What an update changes before it fails, kept to be put back.

    Args:
        method: that learns.
        on_gpu: whether random numbers are drawn on a GPU too.
    """

    def __init__(self, method: Method, *, on_gpu: bool) -> None:
        self._method = method
        self._on_gpu = on_gpu
        self._largest: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._drawn: list[Tensor] = []
        self._everything: Before | None = None

    def note(self, phase: str, streams: Streams) -> None:
        """An update begins."""
        self._drawn = [torch.default_generator.get_state()]
        if self._on_gpu:
            self._drawn.append(torch.cuda.get_rng_state())
        size = _extent(streams)
        if size > self._largest.get(phase, 0) or self._seen.get(phase, 0) < _GROWING:
            self._largest[phase] = max(size, self._largest.get(phase, 0))
            self._seen[phase] = self._seen.get(phase, 0) + 1
            self._everything = Before(self._method)
        else:
            self._everything = None

    def put_back(self) -> None:
        """As before the update, as far as it was kept."""
        if self._everything is not None:
            self._everything.put_back()
            return
        torch.default_generator.set_state(self._drawn[0])
        if self._on_gpu:
            torch.cuda.set_rng_state(self._drawn[1])


class Before:
    """What computing a loss changes besides gradients: random states, buffers, what is remembered.

    Args:
        method: as it is now.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._random = _random.capture()
        self._buffers = [buffer.detach().clone() for buffer in method.buffers()]
        self._stateful = {
            name: copy.deepcopy(part.state_dict()) for name, part in method.stateful.items()
        }

    def put_back(self) -> None:
        """As it was; may be called again and again."""
        _random.restore(self._random)
        self.put_back_state()

    @torch.no_grad()
    def put_back_state(self) -> None:
        """As it was, but the random states, which have gone on."""
        for buffer, value in zip(self._method.buffers(), self._buffers, strict=True):
            buffer.copy_(value)
        for name, part in self._method.stateful.items():
            part.load_state_dict(copy.deepcopy(self._stateful[name]))


@dataclass(frozen=True)
class BeforeStep:
    """What a step with several evaluations changes.

    Attributes:
        aim: what it updates.
        seen: what an evaluation changes.
        values: of the parameters.
        optimizer_states: of each optimiser.
    """

    aim: Aim
    seen: Before
    values: list[Tensor]
    optimizer_states: list[dict[str, Any]]

    @classmethod
    def take(cls, method: Method, aim: Aim) -> BeforeStep:
        """All of it, as it is now."""
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


def kept_buffers(holders: Sequence[nn.Module]) -> list[tuple[Tensor, Tensor]]:
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


def _extent(streams: Streams) -> int:
    """How large the inputs are: entries where they are plain tensors, else examples."""
    if isinstance(streams, Batch):
        inputs = streams.inputs
        return inputs.numel() if isinstance(inputs, Tensor) else len(streams)
    return sum(_extent(batch) for batch in streams.values())
