"""What a run is made of at one moment, taken out of the loop and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright import _random
from netwright._errors import DamagedRun, NetwrightError
from netwright.data.source import Position, Resume
from netwright.runs.records import Ended
from netwright.train.aim import Clipping
from netwright.train.selection import Best
from netwright.train.snapshot import State

if TYPE_CHECKING:
    from netwright.train.loop import Loop

__all__ = ["capture", "capture_observers", "laid_out", "restore", "restore_counters"]
__all__ += ["restore_observers", "restore_trainable"]


def capture(loop: Loop) -> State:
    """Everything that a continuation needs, as plain data and tensors; shares memory with the run.

    Copy it (`Ring`) or write it (`write_snapshot`) before the run goes on.
    """
    state = {
        "counters": asdict(loop.counters),
        "method": dict(loop.method.state_dict()),
        "trainable": [name for name, p in loop.method.named_parameters() if p.requires_grad],
        "stateful": {name: part.state_dict() for name, part in loop.method.stateful.items()},
        "optimizers": {name: o.state_dict() for name, o in loop.optimizers.items()},
        "learning_rate_factors": dict(loop.learning_rate_factors),
        "phase_intervals": dict(loop.phase_intervals),
        "skipped_positions": [[p.epoch, p.step] for p in sorted(loop.skipped_positions)],
        "piece_sizes": dict(loop.piece_sizes),
        "clip_norm": loop.clipping.norm,
        "scaler": loop.scaler.state_dict() if loop.scaler is not None else {},
        "gradient_noise": loop.noise.state_dict() if loop.noise is not None else {},
        "restarts": loop.restarts.state_dict() if loop.restarts is not None else {},
        "average": loop.average.state_dict() if loop.average is not None else {},
        "ending": None if loop.ending is None else loop.ending.to_json(),
        "stage_ending": loop.stage_ending,
        "best": vars(loop.best).copy(),
        "epoch_loss": loop.account.loss,
        "sources": {name: source.state_dict() for name, source in loop.sources.items()},
        "controllers": {c.name: c.state_dict() for c in loop.controllers},
        "random": _random.capture(),
    }
    whole: State = loop.processes.whole(state)
    return whole


def capture_observers(loop: Loop) -> dict[str, State]:
    """What those who look on remember; a roll-back leaves them what they have seen."""
    return {o.name: o.state_dict() for o in loop.observers if o.name}


@contextmanager
def _of_this_form() -> Iterator[None]:
    """Say that a state is of another form, as another version of this package may write one."""
    try:
        yield
    except NetwrightError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DamagedRun(
            "snapshot must be of the form that this version of netwright gives it, got "
            f"{type(error).__name__}: {error}. Go on with the version in the run's "
            "environment.json, or start anew: netwright train --recipe RUN/recipe.yaml"
        ) from error


@_of_this_form()
def restore_counters(loop: Loop, state: State) -> None:
    """Be where `state` was captured; the stage, its plan and its phases follow from that."""
    for name, value in state["counters"].items():
        setattr(loop.counters, name, value)


@_of_this_form()
def restore_observers(loop: Loop, state: State) -> None:
    """Let those who look on take up where `state` was captured."""
    for observer in loop.observers:
        if observer.name in state["observers"]:  # one may have joined since
            observer.load_state_dict(state["observers"][observer.name])


@_of_this_form()
def restore_trainable(loop: Loop, state: State) -> None:
    """Freeze and thaw as `state` says: a stage's `begin` that did so is not called again."""
    trainable = set(state["trainable"])
    for name, parameter in loop.method.named_parameters():
        parameter.requires_grad_(name in trainable)


@_of_this_form()
def restore(loop: Loop, state: State) -> None:
    """Take up where `state` was captured, in the same stage.

    The random state comes last, as nothing may draw from it in between.
    """
    restore_counters(loop, state)
    _load_weights(loop, state)
    for name, part in loop.method.stateful.items():
        part.load_state_dict(state["stateful"][name])
    for name, optimizer in loop.optimizers.items():
        optimizer.load_state_dict(_laid_out_state(loop, optimizer, state["optimizers"][name]))
    loop.learning_rate_factors.update(state["learning_rate_factors"])
    loop.phase_intervals = dict(state["phase_intervals"])
    for phase, size in state["piece_sizes"].items():  # memory has not grown since
        loop.piece_sizes[phase] = min(size, loop.piece_sizes.get(phase, size))
    loop.skipped_positions = {Position(*place) for place in state["skipped_positions"]}
    loop.updater.clipping = loop.clipping = Clipping(
        norm=state["clip_norm"], value=loop.clipping.value
    )
    if loop.scaler is not None:
        loop.scaler.load_state_dict(state["scaler"])
    if loop.noise is not None:
        loop.noise.load_state_dict(state["gradient_noise"])
    if loop.restarts is not None:
        loop.restarts.load_state_dict(state["restarts"], lay=partial(laid_out, loop))
    if loop.average is not None:
        average = laid_out(loop, state["average"]["average"])
        loop.average.load_state_dict({**state["average"], "average": average})
    ending = state["ending"]
    loop.ending = None if ending is None else Ended.from_json(ending)
    loop.stage_ending = state["stage_ending"]
    loop.best = Best(**state["best"])
    if loop.best.weights is not None:
        loop.best.weights = laid_out(loop, loop.best.weights)
    loss = state["epoch_loss"]
    loop.account.restore(None if loss is None else loss.to(loop.device))
    for name, source in loop.sources.items():
        if source.resume is Resume.STATEFUL:
            source.load_state_dict(state["sources"][name])
    for controller in loop.controllers:
        if controller.name in state["controllers"]:  # one may have joined since
            controller.load_state_dict(state["controllers"][controller.name])
    _random.restore(state["random"])


def _load_weights(loop: Loop, state: State) -> None:
    try:
        loop.method.load_state_dict(laid_out(loop, state["method"]))
    except RuntimeError as error:
        raise DamagedRun(
            f"snapshot must be of the method that the recipe makes, got other weights: {error}. "
            "A run in which a module was replaced can't be taken up from the recipe."
        ) from error


def laid_out(loop: Loop, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors as the method's own are kept, which may be in parts."""
    live = loop.method.state_dict()
    return {
        name: loop.processes.laid_out(value, live[name]) if name in live else value
        for name, value in weights.items()
    }


def _laid_out_state(
    loop: Loop, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]
) -> dict[str, Any]:
    """The state of an optimiser as its parameters are kept."""
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    of = dict(zip(numbers, parameters, strict=False))
    laid_out = {
        number: {
            name: loop.processes.laid_out(value, of[number])
            if isinstance(value, Tensor) and number in of
            else value
            for name, value in entries.items()
        }
        for number, entries in state["state"].items()
    }
    return {**state, "state": laid_out}
