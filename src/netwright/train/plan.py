"""Where a run is, and how long its stages take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netwright._errors import must_be, unknown
from netwright.data.source import Source
from netwright.methods.base import Phase, Stage

__all__ = ["Counters", "Plan", "plan_stage"]


@dataclass
class Counters:
    """Where a run is: whole numbers, all part of a snapshot."""

    stage: int = 0
    step: int = 0
    stage_step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    updates: int = 0
    examples: int = 0
    skipped: int = 0
    skipped_in_row: int = 0


@dataclass(frozen=True)
class Plan:
    """How long a stage takes.

    Attributes:
        batches: drawn in one step.
        steps_per_epoch: loop steps in one pass over the source.
        steps: loop steps of the whole stage.
    """

    batches: int
    steps_per_epoch: int
    steps: int


def plan_stage(
    stage: Stage, phases: Sequence[Phase], *, sources: Mapping[str, Source], epochs: int
) -> Plan:
    """How many steps a stage takes.

    Args:
        stage: it.
        phases: of one step; none for a closed form.
        sources: by name.
        epochs: of a stage that names none.

    Raises:
        BadValue: it has nothing to do, no source, no end, or fewer batches than a step takes.
    """
    if stage.source not in sources:
        raise unknown("source", stage.source, sources)
    length = sources[stage.source].length
    if stage.fit is not None:
        return Plan(1, length or 1, 1)
    if not phases:
        raise must_be(f"stage {stage.name}", "given phases or a closed-form fit", "neither")
    batches = max(phase.batches for phase in phases)
    if length is None:
        if stage.steps is None:
            raise must_be("steps", "given for a source without an end", None)
        return Plan(batches, stage.steps, stage.steps)
    if length < batches:
        raise must_be(
            "batch_size",
            f"small enough for {batches} batches an epoch",
            f"{length} batches",
            "Make it smaller.",
        )
    per_epoch = length // batches
    steps = per_epoch * (epochs if stage.epochs is None else stage.epochs)
    return Plan(batches, per_epoch, steps if stage.steps is None else stage.steps)
