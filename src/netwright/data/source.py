"""Where batches come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch

from netwright.data.batch import Streams

__all__ = ["Act", "Position", "Resume", "Source"]

Act = Callable[[Any], Any]
"""The policy: what to do in an observed state, for data that come from acting."""


class Resume(StrEnum):
    """How well a source can go on where an interrupted run stopped."""

    EXACT = "exact"  # a batch is a pure function of (seed, epoch, step): there is no state to save
    STATEFUL = "stateful"  # has state_dict and load_state_dict, kept in the snapshot
    NONE = "none"  # nothing to be known of it: a resumed run begins the epoch again


@dataclass(frozen=True, order=True)
class Position:
    """A place in the stream: which pass over the data, and which batch of it, both from 0."""

    epoch: int
    step: int


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

    def to(self, device: torch.device) -> None:  # noqa: B027 - most sources have nothing to move
        """Move what is kept in memory to the device that learns."""

    def state_dict(self) -> dict[str, Any]:
        """What a *stateful* source must remember; empty for the others."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 - see state_dict
        """Take up where `state_dict` was taken."""

    def close(self) -> None:  # noqa: B027 - most sources hold no workers
        """Release workers and files."""
