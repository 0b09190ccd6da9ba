"""Where batches come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import torch

from netwright._errors import must_be
from netwright.data.batch import Streams

__all__ = ["Act", "Position", "Resume", "Share", "Source"]

Act = Callable[[Any], Any]
"""The policy: what to do in an observed state, for data that come from acting."""


class Resume(StrEnum):
    """How well a source can go on where an interrupted run stopped."""

    EXACT = "exact"  # a batch is a pure function of (seed, epoch, step): there is no state to save
    STATEFUL = "stateful"  # has state_dict and load_state_dict, kept in the snapshot
    NONE = "none"  # nothing to be known of it: a resumed run begins the epoch again


class Position(NamedTuple):
    """A place in the stream: which pass over the data, and which batch of it, both from 0."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which part of each batch one of several processes reads.

    Attributes:
        rank: of the process, from 0.
        of: how many processes there are.
    """

    rank: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.of:
            raise must_be("rank", f"from 0 to {self.of - 1}", self.rank)

    def bounds(self, start: int, stop: int) -> tuple[int, int]:
        """Where this part of start … stop begins and ends.

        The parts follow each other in the order of the ranks; their sizes differ by one at most,
        the larger first.

        Example:
            >>> [Share(rank=rank, of=2).bounds(10, 15) for rank in range(2)]
            [(10, 13), (13, 15)]
        """
        size, larger = divmod(stop - start, self.of)
        first = start + self.rank * size + min(self.rank, larger)
        return first, first + size + (self.rank < larger)

    def require(self, *, smallest: int) -> None:
        """Refuse batches of which a process would get nothing.

        Raises:
            BadValue: `smallest` examples are fewer than there are processes.
        """
        if smallest < self.of:
            raise must_be(
                "batch_size",
                f"at least {self.of}, one example for each process",
                smallest,
                "It is that of all processes together; the smallest batch of an epoch counts.",
            )


class Source(ABC):
    """A stream of batches, asked for by position.

    Attributes:
        resume: how well the stream can be taken up again.
        length: batches an epoch; None where there is no end (acting, generated data).
    """

    resume: Resume = Resume.EXACT
    length: int | None

    @abstractmethod
    def next(self, position: Position, act: Act | None = None) -> Streams:
        """The batch at `position`.

        Positions are asked for in order; after a resume or a roll-back the first may be any.

        Args:
            position: epoch and step within it, step < length.
            act: the policy, given when the stage that is learning has one.
        """

    def share(self, share: Share) -> None:
        """Give only this part of each batch from now on, so that processes divide the work.

        Raises:
            BadValue: the stream does not know how, or its batches are too small for it.
        """
        if share.of > 1:
            raise must_be(
                "source",
                "one that can give each process its share of a batch",
                type(self).__name__,
                "Give it a method `share`, or train in one process.",
            )

    def to(self, device: torch.device) -> None:  # noqa: B027 - most sources have nothing to move
        """Move what is kept in memory to the device that learns."""

    def state_dict(self) -> dict[str, Any]:
        """What a *stateful* source must remember; empty for the others."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 - see state_dict
        """Take up where `state_dict` was taken."""

    def close(self) -> None:  # noqa: B027 - most sources hold no workers
        """Release workers and files."""
