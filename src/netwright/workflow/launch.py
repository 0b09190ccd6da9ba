"""Which process of a launch this one is, where torchrun or its like has started several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netwright.data.source import Share
    from netwright.runs.recipe import Recipe, TrainingPart
    from netwright.runs.records import Finding
    from netwright.train.distribute.processes import Processes
    from netwright.train.distribute.world import World
    from netwright.workflow.session import Session

__all__ = ["is_launched", "launched_rank", "together", "what_differs"]

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched_rank() -> int:
    """The rank that the environment names; 0 for a process that was started alone."""
    return int(os.environ["RANK"]) if is_launched() else 0


def is_launched() -> bool:
    """Whether a launcher has started several processes, of which this is one."""
    return all(name in os.environ for name in _NEEDED) and int(os.environ["WORLD_SIZE"]) > 1


def _world(part: TrainingPart) -> World:
    from netwright.train.distribute.world import World

    if part.distribution == "fsdp":
        from netwright.train.distribute.sharding import ShardedWorld

        return ShardedWorld(sync_batch_norm=part.sync_batch_norm)
    return World(sync_batch_norm=part.sync_batch_norm)


@contextmanager
def together(recipe: Recipe) -> Iterator[Processes]:
    """The processes of the run, which are left to themselves when one fails within the block."""
    if not is_launched():
        from netwright.train.distribute.processes import Alone

        yield Alone()
        return
    from netwright.train.distribute.joining import explained, join

    part = recipe.training
    try:
        yield join(device=recipe.device, timeout=part.process_timeout, make=lambda: _world(part))
    except Exception as error:
        raised = explained(error)
        if raised is error:
            raise
        raise raised from None


def what_differs(session: Session, share: Share) -> list[Finding]:
    """What several processes do otherwise than one, by its nature."""
    if share.of == 1:
        return []
    from torch.nn.modules.batchnorm import _BatchNorm

    from netwright.runs.records import Finding, Severity

    method, found = session.method, []
    normalises = any(isinstance(part, _BatchNorm) for part in method.modules())
    if normalises and not session.recipe.training.sync_batch_norm:
        found.append(
            f"batch normalisation sees {share.of} parts of each batch, not the whole (on GPUs "
            "training.sync_batch_norm=true changes that)"
        )
    phases = [
        phase.name
        for stage in method.stages()
        if stage.fit is None
        for phase in method.phases(stage)
        if not phase.accumulates
    ]
    if phases:
        found.append(f"the loss of phase {', '.join(phases)} compares only examples of one part")
    message = (
        f"With {share.of} processes {'; '.join(found)}: the run differs from one of a single "
        "process."
    )
    finding = Finding(
        symptom="divided-batches", severity=Severity.NOTE, where="loop", step=0, message=message
    )
    return [finding] if found else []
