"""What the updates of an epoch came to: their mean loss, and how many were left out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netwright._errors import NonFinite
from netwright.train.plan import Counters
from netwright.train.update import Outcome

__all__ = ["Account", "Tally"]


class Account:
    """Adds up what updates come to.

    Args:
        counters: of the run, kept up to date; of what a device counts only after `settle`.
        limit: updates left out in a row after which the run is given up.

    Attributes:
        loss: sum over the updates of the epoch that were applied; None where there are none.
    """

    def __init__(self, counters: Counters, *, limit: int) -> None:
        self.counters = counters
        self.loss: Tensor | None = None
        self._limit = limit
        self._tally: Tally | None = None

    def add(self, outcome: Outcome, *, phase: str) -> None:
        """Take in an update.

        Raises:
            NonFinite: too many in a row were left out.
        """
        counters = self.counters
        if outcome.left_out is not None:
            if self._tally is None:
                self._tally = Tally(in_row=counters.skipped_in_row, like=outcome.left_out)
            self._tally.add(outcome.left_out)
            self._add_loss(outcome.mean.where(outcome.left_out == 0, 0.0))
            return
        if self._tally is not None:
            self.settle()
        if outcome.applied:
            counters.skipped_in_row = 0
            self._add_loss(outcome.mean)
            return
        counters.skipped += 1
        counters.skipped_in_row += 1
        if counters.skipped_in_row >= self._limit:
            seen = f"phase {phase}, loss {float(outcome.mean):.4g}"
            raise self._given_up(counters.skipped_in_row, seen=seen)

    def settle(self) -> None:
        """Take over what the device counted; this waits for it.

        Raises:
            NonFinite: too many in a row were left out.
        """
        if self._tally is None:
            return
        left_out, in_row, longest = self._tally.read()
        self._tally = None
        counters = self.counters
        counters.skipped += left_out
        counters.updates -= left_out
        counters.skipped_in_row = in_row
        if longest >= self._limit:
            raise self._given_up(longest, seen="counted on the device")

    def close_epoch(self) -> float:
        """The mean loss of the epoch's updates; begins the next."""
        self.settle()
        total = math.nan if self.loss is None else float(self.loss)
        mean = total / self.counters.updates if self.counters.updates else math.nan
        self.counters.updates = 0
        self.loss = None
        return mean

    def restore(self, loss: Tensor | None) -> None:
        """Go on from another moment, whose counters are already restored."""
        self.loss = loss
        self._tally = None

    def _add_loss(self, mean: Tensor) -> None:
        self.counters.updates += 1
        self.loss = mean if self.loss is None else self.loss + mean

    def _given_up(self, in_row: int, *, seen: str) -> NonFinite:
        return NonFinite(
            f"gradients must be finite, got NaN or infinity in {in_row} updates in a row up to "
            f"step {self.counters.step} ({seen}). Lower the learning rate or look for NaN in the "
            "data."
        )


class Tally:
    """How many updates were left out, without waiting for the device at each.

    Args:
        in_row: how many were left out just before.
        like: a tensor on the device that counts.
    """

    def __init__(self, *, in_row: int, like: Tensor) -> None:
        self._left_out = torch.zeros_like(like)
        self._in_row = torch.full_like(like, in_row)
        self._longest = self._in_row.clone()

    def add(self, left_out: Tensor) -> None:
        """Take in one update: 1 where it was left out, 0 where it was applied."""
        self._left_out = self._left_out + left_out
        self._in_row = (self._in_row + 1) * left_out
        self._longest = torch.maximum(self._longest, self._in_row)

    def read(self) -> tuple[int, int, int]:
        """Left out in all, left out last in a row, and the longest row."""
        counted = torch.stack([self._left_out, self._in_row, self._longest]).tolist()
        left_out, in_row, longest = map(int, counted)
        return left_out, in_row, longest
