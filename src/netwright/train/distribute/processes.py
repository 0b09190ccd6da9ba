"""What a run asks of the processes that carry it out, and the answers of one that is alone."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from netwright import _random
from netwright.data.source import Share
from netwright.methods.base import Method
from netwright.train.update import Updater

__all__ = ["Alone", "Processes"]

Value = TypeVar("Value")
Weights = dict[str, Tensor]


class Processes(ABC):
    """The processes of one run, seen from one of them.

    Whatever is said to concern all has to be called by all, in the same order.

    Attributes:
        share: which one this is, and how many there are.
    """

    share: Share

    @property
    def first(self) -> bool:
        """Whether this is the one that records, draws, judges and writes."""
        return self.share.rank == 0

    def seed(self, seed: int) -> int:
        """Of what is random in this process: the first draws as one that is alone."""
        names = () if self.first else ("rank", self.share.rank)
        return _random.derive(seed, "train", *names)

    @property
    @abstractmethod
    def stops(self) -> bool:
        """Whether the run is to end after the present step; the same on all."""

    @abstractmethod
    def wish_to_stop(self) -> None:
        """Ask for `stops`; for signal handlers, which call it in any one of them at any time."""

    @abstractmethod
    def decided(self, decide: Callable[[], Value]) -> Value:
        """What the first process decides, or the error it meets, on all of them."""

    def in_turn(self, make: Callable[[], Value]) -> Value:
        """What each makes for itself, the first before the others.

        So whatever is fetched or built on the way is there when the others look for it, and an
        error that all would meet is met and said once.
        """
        made: list[Value] = []

        def make_first() -> None:
            made.append(make())

        self.decided(make_first)
        return made[0] if made else make()

    @abstractmethod
    def gathered(self, value: Any) -> list[Any]:
        """The values of all in the order of their ranks, on the first; on the others nothing."""

    @abstractmethod
    def summed(self, number: int) -> int:
        """The sum of a number over all, on all of them."""

    @abstractmethod
    def answered(self, batches: Iterable[Value], answer: Callable[[Value], Any]) -> Iterator[Any]:
        """The answers to each one's own batches, which come in turns; on the first, in order."""

    @abstractmethod
    def begin(self, method: Method) -> None:
        """Give all of them the first one's parameters and buffers."""

    @abstractmethod
    def merged(self, weights: Mapping[str, Tensor], buffers: Iterable[str]) -> Weights:
        """Those of the weights that are buffers, one for all; what is given stays as it is.

        Buffers of floating point that differ are averaged, others are the first one's.
        """

    @abstractmethod
    def updater(self, method: Method, optimizers: Mapping[str, Any], **options: Any) -> Updater:
        """What carries out the updates of a stage."""

    def worked_on(self, method: Method) -> Method:
        """The method to be trained: itself, or a copy where the training would leave its mark."""
        return method

    def take_back(self, trained: Method, into: Method) -> None:
        """Give `into`, of which `trained` was worked on, what it has learned."""
        if trained is into:
            return
        into.load_state_dict(self.whole(dict(trained.state_dict())))
        for name, part in trained.stateful.items():
            into.stateful[name].load_state_dict(copy.deepcopy(part.state_dict()))

    @abstractmethod
    def prepare(self, method: Method, device: torch.device) -> None:
        """Lay the method out over the processes, before its optimisers are made."""

    @abstractmethod
    def whole(self, state: Any) -> Any:
        """A state in which every tensor is whole, wherever its parts are kept."""

    @abstractmethod
    def laid_out(self, value: Tensor, like: Tensor) -> Tensor:
        """A whole tensor laid out over the processes as `like` is."""


class Alone(Processes):
    """A single process: everything is its own."""

    def __init__(self) -> None:
        self.share = Share()
        self._stops = False

    @property
    def stops(self) -> bool:
        """See `Processes.stops`."""
        return self._stops

    def wish_to_stop(self) -> None:
        """See `Processes.wish_to_stop`."""
        self._stops = True

    def decided(self, decide: Callable[[], Value]) -> Value:
        """What it decides."""
        return decide()

    def gathered(self, value: Any) -> list[Any]:
        """Its own value."""
        return [value]

    def summed(self, number: int) -> int:
        """Its own number."""
        return number

    def answered(self, batches: Iterable[Value], answer: Callable[[Value], Any]) -> Iterator[Any]:
        """The answers to all batches."""
        return map(answer, batches)

    def begin(self, method: Method) -> None:
        """Nothing: there is nobody to agree with."""

    def merged(self, weights: Mapping[str, Tensor], buffers: Iterable[str]) -> Weights:
        """None: its buffers are already its own."""
        return {}

    def updater(self, method: Method, optimizers: Mapping[str, Any], **options: Any) -> Updater:
        """The plain one."""
        return Updater(method, optimizers, **options)

    def prepare(self, method: Method, device: torch.device) -> None:
        """Nothing: it has room for all."""

    def whole(self, state: Any) -> Any:
        """The state."""
        return state

    def laid_out(self, value: Tensor, like: Tensor) -> Tensor:
        """The value."""
        return value
