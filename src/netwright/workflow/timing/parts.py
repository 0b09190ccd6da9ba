"""From what the stopwatch noted to the parts of a step, which add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from netwright._statistics import bootstrap
from netwright.data.streams.in_memory import MOST_STEPS
from netwright.workflow.timing.preparing import BatchCosts
from netwright.workflow.timing.result import Part
from netwright.workflow.timing.stopwatch import Key

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

__all__ = ["part_of", "parts_of", "whole_step"]

_OF_A_PHASE = ("forward", "backward", "update")


def part_of(name: str, seconds: Sequence[float], *, phase: str) -> Part:
    """The median with its bootstrap interval."""
    found = bootstrap(np.median, [np.asarray(seconds)], n_resamples=500)
    return Part(name=name, phase=phase, seconds=found.value, low=found.low, high=found.high)


def whole_step(
    seconds: Sequence[float], rows: Sequence[dict[Key, float]], *, in_memory: bool
) -> Part:
    """The whole step; the median leaves out the few in which a source makes several batches.

    What they take longer is spread over all, because a mean would take in whatever else the machine
    does now and then.

    Args:
        seconds: of each step.
        rows: of steps that were taken apart.
        in_memory: whether the data are.
    """
    later = 0.0
    if in_memory:
        asked = _asked(rows)
        later = float(np.median(_evened(asked)) - np.median(asked))
    return part_of("step", [one + later for one in seconds], phase="")


def parts_of(
    rows: Sequence[dict[Key, float]], whole: Part, *, costs: BatchCosts, in_memory: bool
) -> tuple[Part, ...]:
    """In the order in which a step goes through them; the last is what they leave of `whole`.

    Args:
        rows: seconds by phase and part, a row a step.
        whole: the step, measured by itself.
        costs: of a batch's preparation, which happens within one call of the source.
        in_memory: whether the data are, so that nothing is read and nobody is waited for.
    """
    keys = {key for row in rows for key in row}
    phases = list(dict.fromkeys(phase for row in rows for phase, _ in row if phase))
    found = _of_source(_asked(rows), costs, in_memory=in_memory)
    listed = [(phase, name) for phase in phases for name in _OF_A_PHASE]
    for phase, name in [*listed, ("", "fit"), ("", "record")]:
        if (phase, name) in keys:
            seconds = [row.get((phase, name), 0.0) for row in rows]
            found.append(part_of(name, seconds, phase=phase))
    rest = whole.seconds - sum(part.seconds for part in found)
    wide = (whole.high - whole.low) / 2
    return (*found, Part(name="other", seconds=rest, low=rest - wide, high=rest + wide))


def _asked(rows: Sequence[dict[Key, float]]) -> list[float]:
    """What the source was asked for took, a step."""
    return [row.get(("", "next"), 0.0) for row in rows]


def _of_source(seconds: Sequence[float], costs: BatchCosts, *, in_memory: bool) -> list[Part]:
    """The source's call, divided as its pieces were measured.

    In memory the shares hold: within a step, whose computing has filled the caches with other
    things, each piece is slower than by itself. What is read is waited for besides.
    """
    taken = _evened(seconds) if in_memory else np.asarray(seconds)
    if in_memory and costs.whole:
        augment, preprocess = (
            taken * cost / costs.whole for cost in (costs.augment, costs.preprocess)
        )
    else:
        augment = np.minimum(costs.augment, taken)
        preprocess = np.minimum(costs.preprocess, taken - augment)
    named = {"load": taken - augment - preprocess, "augment": augment, "preprocess": preprocess}
    return [part_of(name, list(values), phase="") for name, values in named.items()]


def _evened(seconds: Sequence[float]) -> Floats:
    """A source in memory makes several batches in one call and hands them out in the next ones."""
    taken = np.asarray(seconds)
    stretch = min(MOST_STEPS, len(taken))
    means = np.convolve(taken, np.full(stretch, 1 / stretch), mode="valid")
    return np.resize(means, len(taken))
