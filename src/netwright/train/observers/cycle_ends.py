"""Keeps the weights at the end of every cycle of the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from netwright.train.control import Observer, View

__all__ = ["CycleEnds"]


class CycleEnds(Observer):
    """Hands over the weights when each of equal parts of a stage is done.

    A run that goes on from a snapshot hands over again what it does again, with the same bits. Of
    several stages those of the last remain.

    Paper: Snapshot Ensembles: Train 1, Get M for Free, Huang et al. 2017,
        https://arxiv.org/abs/1704.00109

    Args:
        cycles: how many parts.
        keep: given the number of the part, from 1, and the weights, which are the run's own: to be
            copied or written, not to be held.
    """

    def __init__(self, cycles: int, *, keep: Callable[[int, Mapping[str, Tensor]], object]) -> None:
        self._cycles = cycles
        self._keep = keep

    def stepped(self, view: View) -> None:
        """Hand them over where a part ends."""
        done, steps = view.stage_step, view.stage_steps
        cycle = done * self._cycles // steps
        if cycle > (done - 1) * self._cycles // steps:
            self._keep(cycle, view.judged_weights())
