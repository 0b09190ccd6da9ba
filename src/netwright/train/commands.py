"""The one place where commands change a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright._errors import must_be, unknown
from netwright.runs.records import Ended
from netwright.train.aim import Clipping
from netwright.train.control import (
    ClipGradients,
    Command,
    CutBatches,
    EndStage,
    Rebalance,
    ReplaceModule,
    RollBack,
    SetLearningRate,
    SkipBatch,
    Stop,
)
from netwright.train.snapshot import Ring
from netwright.train.state import capture, restore

if TYPE_CHECKING:
    from netwright.train.loop import Loop

__all__ = ["execute"]


def execute(loop: Loop, command: Command) -> None:
    """Carry out `command` on a running loop.

    Raises:
        BadValue: it names something the run does not have.
        BadType: nobody knows how to carry it out.
    """
    _execute(command, loop)


@singledispatch
def _execute(command: Command, loop: Loop) -> None:
    raise must_be("command", "of a kind that train.commands carries out", type(command).__name__)


@_execute.register(Stop)
def _(command: Stop, loop: Loop) -> None:
    loop.ending = Ended(reason=command.reason, step=loop.counters.step)


@_execute.register(EndStage)
def _(command: EndStage, loop: Loop) -> None:
    loop.stage_ending = command.reason


@_execute.register(RollBack)
def _(command: RollBack, loop: Loop) -> None:
    if loop.ring is None:
        raise must_be(
            "settings.ring",
            "at least 1 for roll-backs",
            0,
            "A controller that rolls back needs it.",
        )
    # controllers keep what they know: one that forgot its roll-back would ask for it for ever
    restore(loop, {**loop.ring.latest(command.step), "controllers": {}})
    loop.ring.forget_after(loop.counters.step)


@_execute.register(SetLearningRate)
def _(command: SetLearningRate, loop: Loop) -> None:
    if command.optimizer not in loop.optimizers:
        raise unknown("optimizer", command.optimizer, loop.optimizers)
    if not command.factor > 0:
        raise must_be("factor", "above 0", command.factor)
    loop.learning_rate_factors[command.optimizer] *= command.factor


@_execute.register(SkipBatch)
def _(command: SkipBatch, loop: Loop) -> None:
    loop.skipped_positions.add(command.position)


@_execute.register(ClipGradients)
def _(command: ClipGradients, loop: Loop) -> None:
    loop.clipping = Clipping(norm=command.norm, value=loop.clipping.value)
    loop.updater.clipping = loop.clipping


@_execute.register(ReplaceModule)
def _(command: ReplaceModule, loop: Loop) -> None:
    known = dict(loop.method.named_modules())
    if not command.path or command.path not in known:
        raise unknown("path", command.path, [path for path in known if path])
    kept = {name: dict(optimizer.state) for name, optimizer in loop.optimizers.items()}
    loop.method.set_submodule(command.path, command.module.to(loop.device), strict=True)
    loop.build_optimizers()
    loop.updater.look_anew()
    _put_back(kept, loop)
    loop.restart_average()
    loop.best.weights = None  # they are of another architecture, as are the snapshots
    if loop.ring is not None:
        loop.ring = Ring(loop.settings.ring)
        loop.ring.add(loop.counters.step, capture(loop))


def _put_back(kept: Mapping[str, Mapping[Tensor, Any]], loop: Loop) -> None:
    """Give the optimisers back the state of the parameters that are still there."""
    for name, optimizer in loop.optimizers.items():
        if isinstance(optimizer, torch.optim.LBFGS):
            continue  # its memory is of all parameters laid end to end
        present = {p for group in optimizer.param_groups for p in group["params"]}
        for parameter, state in kept.get(name, {}).items():
            if parameter in present:
                optimizer.state[parameter] = state


@_execute.register(CutBatches)
def _(command: CutBatches, loop: Loop) -> None:
    if command.phase not in (phase.name for phase in loop.phases):
        raise unknown("phase", command.phase, [phase.name for phase in loop.phases])
    if command.size < 1:
        raise must_be("size", "at least 1", command.size)
    loop.piece_sizes[command.phase] = command.size


@_execute.register(Rebalance)
def _(command: Rebalance, loop: Loop) -> None:
    if command.phase not in (phase.name for phase in loop.phases):
        raise unknown("phase", command.phase, [phase.name for phase in loop.phases])
    if command.every < 1:
        raise must_be("every", "at least 1", command.every)
    loop.phase_intervals[command.phase] = command.every
