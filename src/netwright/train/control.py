"""Who may look at a run, who may change it, and how.

Observers look and return nothing. Controllers return commands; each kind of command has one owner
in a run, all are carried out at one place (`train.commands`) and recorded with the finding that
caused them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from netwright._errors import must_be
from netwright.data.source import Position
from netwright.runs.records import Ended, Finding
from netwright.train.optimizers.proximal import share_of_zeros
from netwright.train.random_restarts import start_of

if TYPE_CHECKING:
    from netwright.data.batch import Streams
    from netwright.methods.base import Method
    from netwright.train.compiled import Compilation
    from netwright.train.loop import Loop
    from netwright.train.update import Outcome

__all__ = [
    "ClipGradients",
    "Command",
    "Controller",
    "CutBatches",
    "EndStage",
    "Observer",
    "Rebalance",
    "ReplaceModule",
    "RollBack",
    "SetLearningRate",
    "SkipBatch",
    "Stop",
    "View",
    "check_names",
    "check_owners",
    "overriding",
]


class View:
    """A running training as observers and controllers see it: to read, not to change."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    @property
    def method(self) -> Method:
        """The method that learns."""
        return self._loop.method

    def judged_weights(self) -> Mapping[str, Tensor]:
        """The weights that a validation would see now, in the form of `state_dict`."""
        return self._loop.judged_weights()

    @property
    def stage(self) -> str:
        """Name of the current stage."""
        return self._loop.stage.name

    @property
    def step(self) -> int:
        """Loop steps done in the whole run."""
        return self._loop.counters.step

    @property
    def epoch(self) -> int:
        """Passes done over the current stage's source."""
        return self._loop.counters.epoch

    @property
    def position(self) -> Position:
        """Place of the next batch."""
        return self._loop.position

    @property
    def stage_step(self) -> int:
        """Loop steps done in the current stage."""
        return self._loop.counters.stage_step

    @property
    def stage_steps(self) -> int:
        """Loop steps the current stage is planned to take."""
        return self._loop.plan.steps

    @property
    def steps_per_epoch(self) -> int:
        """Loop steps one pass over the current source takes."""
        return self._loop.plan.steps_per_epoch

    @property
    def start(self) -> tuple[int, int]:
        """Which start from other random weights is under way, from 1, and of how many."""
        return start_of(self._loop)

    @property
    def learning_rates(self) -> Mapping[str, float]:
        """Optimiser name → learning rate of its first group."""
        return self._loop.learning_rates

    @property
    def best(self) -> dict[str, Any]:
        """Score, step and epoch of the best validation so far."""
        best = self._loop.best
        return {"score": best.score, "step": best.step, "epoch": best.epoch}

    @property
    def share_of_zeros(self) -> float | None:
        """Of the weights under an L1 penalty, how many are exactly 0; None where none are."""
        return share_of_zeros(self._loop.optimizers.values())

    @property
    def skipped_updates(self) -> int:
        """Updates that were left out because a gradient was not finite."""
        return self._loop.counters.skipped


class Observer:
    """Looks at a run. Every hook may be left as it is.

    A hook that draws random numbers does so within `_random.isolated`: the run draws from the same
    generators.

    Attributes:
        name: key of its state in a snapshot; without one it has none.
    """

    name: str = ""

    def started(self, view: View) -> None:
        """The run begins, or goes on after an interruption."""

    def stage_entered(self, view: View) -> None:
        """A stage begins."""

    def phase_done(self, view: View, *, phase: str, streams: Streams, outcome: Outcome) -> None:
        """An update was made, or left out.

        Args:
            view: the run.
            phase: its name.
            streams: what was learned from.
            outcome: loss and gradient norm, on the device.
        """

    def compiled(self, view: View, *, compilation: Compilation) -> None:
        """A phase's step was compiled, or can't be and runs as without."""

    def stepped(self, view: View) -> None:
        """All phases of a step are done."""

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """A pass over the source is done; `loss` is its mean over the updates."""

    def validated(self, view: View, *, metrics: Mapping[str, float]) -> None:
        """Held-out data were judged."""

    def snapshot_taken(self, view: View, *, file: str) -> None:
        """The state of the run is going to be written into `file`, beside the training.

        What is recorded here, or was before, is on the disk before that file is.
        """

    def commanded(self, view: View, *, command: Command) -> None:
        """A command was carried out."""

    def start_chosen(self, view: View, *, scores: Sequence[float], chosen: int) -> None:
        """Of several starts one was chosen.

        Args:
            view: the run.
            scores: of each, higher is better.
            chosen: its number, from 1.
        """

    def ended(self, view: View, *, ended: Ended) -> None:
        """The run is over, for whatever reason."""

    def state_dict(self) -> dict[str, Any]:
        """What it must remember over an interruption: plain data and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up where `state_dict` was taken; comes before `started`."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something to be done to a run, and the finding that asks for it."""

    finding: Finding | None = None


@dataclass(frozen=True, kw_only=True)
class Stop(Command):
    """End the run."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class EndStage(Command):
    """End the current stage; the run goes on with the next, if there is one."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class RollBack(Command):
    """Go back to the newest snapshot in memory that was taken at `step` or before.

    Controllers keep their own state, so that they remember having gone back.
    """

    step: int


@dataclass(frozen=True, kw_only=True)
class SetLearningRate(Command):
    """Multiply the learning rate of an optimiser from now on; the schedule goes on below it."""

    optimizer: str
    factor: float


@dataclass(frozen=True, kw_only=True)
class SkipBatch(Command):
    """Leave out the batch at `position` of the current source when it comes."""

    position: Position


@dataclass(frozen=True, kw_only=True)
class ClipGradients(Command):
    """Rescale gradients whose global norm is above `norm`, to the end of the run."""

    norm: float


@dataclass(frozen=True, kw_only=True)
class ReplaceModule(Command):
    """Put `module` at `path` of the method; optimisers keep the state of what stays."""

    path: str
    module: nn.Module


@dataclass(frozen=True, kw_only=True)
class Rebalance(Command):
    """Carry out `phase` only every `every`-th step, to the end of the stage."""

    phase: str
    every: int


@dataclass(frozen=True, kw_only=True)
class CutBatches(Command):
    """Hold the graph of at most `size` examples of `phase` at a time, to the end of the run."""

    phase: str
    size: int


class Controller:
    """Looks at a run and asks for changes.

    Attributes:
        name: key of its state in a snapshot.
        owns: the kinds of command it may return; nobody else in the run may.
    """

    name: str
    owns: frozenset[type[Command]] = frozenset()

    def after_stage_entered(self, view: View) -> Sequence[Command]:
        """Before the first step of each stage; not again when a run is taken up within it."""
        return ()

    def after_step(self, view: View) -> Sequence[Command]:
        """All phases of a step are done."""
        return ()

    def after_epoch(self, view: View) -> Sequence[Command]:
        """A pass over the source is done."""
        return ()

    def after_validation(self, view: View, *, metrics: Mapping[str, float]) -> Sequence[Command]:
        """Held-out data were judged."""
        return ()

    def state_dict(self) -> dict[str, Any]:
        """What it must remember over an interruption: plain data and tensors."""
        return {}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up where `state_dict` was taken."""


def check_names(observers: Sequence[Observer]) -> None:
    """Refuse two observers whose states would be kept under one name."""
    names = [observer.name for observer in observers if observer.name]
    if len(set(names)) < len(names):
        raise must_be("observers", "of different names", names)


def check_owners(controllers: Sequence[Controller]) -> None:
    """Refuse two owners of one kind of command, and two controllers of one name."""
    owners: dict[type[Command], str] = {}
    names: set[str] = set()
    for controller in controllers:
        if controller.name in names:
            raise must_be("controllers", "of different names", controller.name)
        names.add(controller.name)
        for kind in controller.owns:
            if kind in owners:
                raise must_be(
                    "controllers",
                    "the only owner of each kind of command",
                    f"{kind.__name__} owned by {owners[kind]} and {controller.name}",
                    "Leave one of them out.",
                )
            owners[kind] = controller.name


def overriding(people: Sequence[Any], base: type) -> dict[str, list[tuple[Any, Any]]]:
    """Moment → who has something to do then, and what: most have nothing at most moments."""
    found: dict[str, list[tuple[Any, Any]]] = {}
    for moment, nothing in vars(base).items():
        if not moment.startswith("_"):
            hooks = [(one, getattr(one, moment)) for one in people]
            found[moment] = [
                (one, hook) for one, hook in hooks if getattr(hook, "__func__", None) is not nothing
            ]
    return found
