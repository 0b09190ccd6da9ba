"""Loops that take turns, and what a step of each costs."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Mapping

from _loops import Loop

__all__ = ["quieten", "take_turns"]


def take_turns(
    loops: Mapping[str, Loop], *, turns: int, short: int, long: int
) -> list[dict[str, float]]:
    """Processor microseconds of a step of each loop, turn after turn, every other turn backwards.

    Args:
        loops: by name.
        turns: so many.
        short: steps of the run that is subtracted: what a run spends once is in both.
        long: steps of the other.
    """
    for loop in loops.values():
        loop(short)  # once unmeasured: imports, kernels chosen, caches
    measured = []
    for turn in range(turns):
        order = list(loops)[:: -1 if turn % 2 else 1]
        measured.append({name: _step_time(loops[name], short, long) for name in order})
        if sys.stderr.isatty():
            print(f"turn {turn + 1} of {turns}", end="\r", file=sys.stderr)
    return measured


def _step_time(loop: Loop, short: int, long: int) -> float:
    gc.collect()
    return 1e6 * (loop(long)[0] - loop(short)[0]) / (long - short)


def quieten() -> None:
    """Other trainers tell of their settings at every start; that is not what is read here."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
