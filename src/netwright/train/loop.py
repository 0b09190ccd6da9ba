"""The loop: stages, epochs, steps and phases of any method.

::

    run.started
    for stage in method.stages():
        stage.begin(), optimisers are built                      stage_entered
        for epoch:
            for step:
                set the learning rates
                for phase, for each of its batches: update       phase_done
                                                                 stepped      · controllers
            validate, keep the best                    epoch_ended, validated  · controllers
            snapshot, also between two steps                     snapshot_taken
        put the stage's best weights back
                                                                 ended

Words on the right are what observers hear; controllers answer with commands there, carried out by
`train.commands`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright import _random
from netwright._errors import NonFinite, must_be
from netwright.data.batch import Batch, Streams, count_examples
from netwright.data.source import Position, Resume, Share, Source
from netwright.methods.base import Method, ParameterGroup, Phase, Stage
from netwright.runs.records import Ended
from netwright.train.aim import Clipping
from netwright.train.averages.base import holding
from netwright.train.averages.chosen import average_of
from netwright.train.averages.equal import refresh_statistics
from netwright.train.commands import execute
from netwright.train.control import (
    Command,
    Controller,
    Observer,
    RollBack,
    View,
    check_names,
    check_owners,
    overriding,
)
from netwright.train.distribute.processes import Alone, Processes
from netwright.train.distribute.ranks import gathered_state, own_state
from netwright.train.gradient_noise import GradientNoise
from netwright.train.optimizers.build import check_groups
from netwright.train.out_of_memory import cut_batches
from netwright.train.plan import Counters, Plan, plan_stage
from netwright.train.precision import choose_precision, prefer_channels_last
from netwright.train.random_restarts import (
    RandomRestarts,
    close_start,
    renew_start,
    stages_of,
)
from netwright.train.schedules import Schedule, constant
from netwright.train.selection import Best
from netwright.train.settings import Settings
from netwright.train.snapshot import Ring, SnapshotFolder, State
from netwright.train.snapshot_writer import SnapshotWriter
from netwright.train.state import (
    capture,
    capture_observers,
    restore,
    restore_counters,
    restore_observers,
    restore_trainable,
)
from netwright.train.tally import Account
from netwright.train.update import Updater
from netwright.train.validation import HeldOut, validate

if TYPE_CHECKING:
    from netwright.train.compiled import Compilation

__all__ = ["Loop", "MakeOptimizer"]

MakeOptimizer = Callable[[str, Sequence[ParameterGroup]], torch.optim.Optimizer]
"""From an optimiser's name within the method and its groups to the optimiser."""


class Loop:
    """Trains a method to its end.

    Args:
        method: what learns.
        sources: the streams its stages name.
        make_optimizer: builds each optimiser of a stage.
        settings: numbers of the loop.
        schedule: learning-rate factor over a stage.
        held_out: a fresh pass over validation data; None validates nothing.
        device: where it computes.
        observers: told of everything.
        controllers: told of everything, and may ask for changes.
        snapshots: where the state is kept on disk; None keeps none.
        restarts: from other weights, of which the best by validation is kept; None for none.
        processes: that carry out the run together; None for this one alone. Of several the first
            alone has observers and snapshots, and each gives the held-out batches of its turn.
    """

    def __init__(
        self,
        method: Method,
        sources: Mapping[str, Source],
        *,
        make_optimizer: MakeOptimizer,
        settings: Settings | None = None,
        schedule: Schedule | None = None,
        held_out: HeldOut | None = None,
        device: torch.device | None = None,
        observers: Sequence[Observer] = (),
        controllers: Sequence[Controller] = (),
        snapshots: SnapshotFolder | None = None,
        restarts: RandomRestarts | None = None,
        processes: Processes | None = None,
    ) -> None:
        check_owners(controllers)
        check_names(observers)
        self.method = method
        self.sources = sources
        self.settings = settings or Settings()
        self.device = device or torch.device("cpu")
        self.counters = Counters()
        self.best = Best()
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.learning_rate_factors: dict[str, float] = {}
        self.learning_rates: dict[str, float] = {}
        self.phase_intervals: dict[str, int] = {}
        self.piece_sizes: dict[str, int] = {}
        self.skipped_positions: set[Position] = set()
        self.ring = Ring(self.settings.ring) if self.settings.ring else None
        self.ending: Ended | None = None
        self.stage_ending: str | None = None
        self.phases: list[Phase] = []
        self.plan: Plan
        self.precision = choose_precision(self.settings.precision, self.device)
        self.processes = processes or Alone()
        self.observers = observers if self.processes.first else ()
        self.controllers = controllers
        self.view = View(self)
        self.restarts = restarts
        self._stages = stages_of(method, restarts)
        if restarts is not None and held_out is None:
            raise must_be("restarts", "left out without validation data", restarts.count)
        if not self._stages:
            raise must_be("stages", "at least one", [], "A plain one is Stage().")
        self._make_optimizer = make_optimizer
        self._schedule = schedule or constant()
        self._held_out = held_out
        self._snapshots = None if snapshots is None else SnapshotWriter(snapshots)
        self.scaler = self.precision.scaler()
        self.clipping = Clipping(norm=self.settings.clip_norm, value=self.settings.clip_value)
        self.noise = self._make_noise()
        self._resume_from: State | None = None
        self.account = Account(self.counters, limit=self.settings.skipped_limit)
        self._epoch_began = 0.0
        for source in sources.values():
            source.share(self.processes.share)
            source.to(self.device)
        method.to(self.device)
        prefer_channels_last(method)
        self.average = average_of(method, self.settings)

    @property
    def stage(self) -> Stage:
        """The current stage."""
        return self._stages[min(self.counters.stage, len(self._stages) - 1)]

    @property
    def stage_count(self) -> int:
        """Of the whole run, every start's counted."""
        return len(self._stages)

    @property
    def position(self) -> Position:
        """Place of the next step's first batch."""
        return Position(self.counters.epoch, self.counters.epoch_step * self.plan.batches)

    def judged_weights(self) -> dict[str, Tensor]:
        """The weights that validation sees: the average where there is one."""
        weights = self.method.state_dict() if self.average is None else self.average.weights
        return {**weights, **self._buffers_for_all(weights)}

    def _judged(self) -> AbstractContextManager[None]:
        """Within the block the method holds the weights that it is judged by."""
        if self.average is not None:
            return holding(self.method, self.judged_weights())
        return holding(self.method, self._buffers_for_all(self.method.state_dict()))

    def _buffers_for_all(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What replaces the buffers of `weights` where processes have buffers of their own."""
        return self.processes.merged(weights, [name for name, _ in self.method.named_buffers()])

    def resume(self, state: State) -> None:
        """Go on from `state` when `run` is called."""
        self._resume_from = own_state(state, self.processes.share, seed=self.settings.seed)

    def request_stop(self) -> None:
        """End after the current step, with a snapshot; for signal handlers."""
        self.processes.wish_to_stop()

    def run(self) -> Ended:
        """Train to the end.

        The global random state is the run's own inside and the caller's again afterwards.

        Raises:
            NonFinite: gradients were not finite for too many updates in a row.
        """
        with _random.isolated(self.processes.seed(self.settings.seed)):
            resumed = self._resume_from is not None
            if self._resume_from is not None:
                restore_counters(self, self._resume_from)
                restore_observers(self, self._resume_from)
            self._plan_stage()
            self._listeners = overriding(self.observers, Observer)
            self._advisers = overriding(self.controllers, Controller)
            self._tell("started")
            self.processes.prepare(self.method, self.device)
            self.restart_average()
            try:
                with self._snapshots or nullcontext():
                    while self.counters.stage < len(self._stages) and self.ending is None:
                        self._run_stage(resumed=resumed)
                        resumed = False
            except NonFinite:
                self.ending = Ended(reason="non-finite", step=self.counters.step)
                self._tell("ended", ended=self.ending)
                raise
            finally:
                for source in self.sources.values():
                    source.close()
        ended = self.ending or Ended(reason="finished", step=self.counters.step)
        self._tell("ended", ended=ended)
        return ended

    def release(self) -> None:
        """Let go of what only learning needs: several times the weights, in a circle of objects."""
        self.optimizers, self.best, self.ring, self.average = {}, Best(), None, None
        self._snapshots = None
        del self.view, self.updater

    # --- stages -----------------------------------------------------------------------------------

    def _run_stage(self, *, resumed: bool) -> None:
        stage = self.stage
        self._plan_stage()
        if not resumed:
            self.counters.stage_step = self.counters.epoch = self.counters.epoch_step = 0
            renew_start(self)
            if stage.begin is not None:
                stage.begin()
            self.processes.begin(self.method)
        if self._resume_from is not None:
            restore_trainable(self, self._resume_from)  # decides what the optimisers hold
        self._enter(stage)
        if resumed and self._resume_from is not None:
            restore(self, self._resume_from)
            self._resume_from = None
        else:
            self._forget_earlier_stages()
        if self.ring is not None:
            self.ring.add(self.counters.step, capture(self))
        self._tell("stage_entered")
        if not resumed:
            self._obey("after_stage_entered")
        self._begin_epoch()
        if stage.fit is not None and self.counters.stage_step == 0:
            self._closed_form(stage)
        else:
            while self.counters.stage_step < self.plan.steps and not self._is_over():
                self._step()
        self._settle()
        self._end_start()
        if self.ending is None:
            self.counters.stage += 1
            if self.stage_ending is not None and self.counters.stage == len(self._stages):
                self.ending = Ended(reason=self.stage_ending, step=self.counters.step)

    def _end_start(self) -> None:
        if close_start(self) and self.restarts is not None:
            self._tell("start_chosen", scores=self.restarts.scores, chosen=self.restarts.chosen)

    def _is_over(self) -> bool:
        return self.ending is not None or self.stage_ending is not None

    def _plan_stage(self) -> None:
        self.phases = list(self.method.phases(self.stage)) if self.stage.fit is None else []
        self.plan = plan_stage(
            self.stage, self.phases, sources=self.sources, epochs=self.settings.epochs
        )

    def _forget_earlier_stages(self) -> None:
        """Nothing of another stage is gone back to, averaged with, or chosen at the end.

        Unless the stage goes on with what the one before it learned: then its best stays to beat.
        """
        if not self.stage.keeps_best:
            self.best = Best()
        self.stage_ending = None
        self.skipped_positions.clear()
        self.phase_intervals.clear()
        self.restart_average()
        if self.ring is not None:
            self.ring = Ring(self.settings.ring)

    def restart_average(self) -> None:
        """Begin the average of the weights afresh, at the present ones."""
        if self.average is not None:
            self.average = self.average.afresh()

    def _enter(self, stage: Stage) -> None:
        self.build_optimizers()
        self.learning_rate_factors = dict.fromkeys(self.optimizers, 1.0)
        self.updater = self._make_updater()
        named = {name for phase in self.phases for name in phase.optimizers}
        if named != set(self.optimizers):
            raise must_be(
                "phases",
                f"updating each optimizer of parameter_groups ({', '.join(self.optimizers)})",
                sorted(named),
            )

    def _make_updater(self) -> Updater:
        settings = self.settings
        make: Callable[..., Updater] = self.processes.updater
        if settings.compile:
            if self.processes.share.of > 1:
                raise must_be("compile", "false with several processes", True)
            from netwright.train.compiled import CompilingUpdater

            make = partial(CompilingUpdater, tell=self._tell_of_compilation)
        return make(
            self.method,
            self.optimizers,
            precision=self.precision,
            micro_batch_size=settings.micro_batch_size,
            piece_sizes=self.piece_sizes,
            cut=self._cut_batches,
            clipping=self.clipping,
            scaler=self.scaler,
            noise=None if self.noise is None else self._add_noise,
        )

    def _make_noise(self) -> GradientNoise | None:
        eta, gamma = self.settings.noise_eta, self.settings.noise_gamma
        if eta is None:
            return None
        return GradientNoise(seed=self.settings.seed, eta=eta, gamma=gamma, device=self.device)

    def _add_noise(self, gradients: Sequence[Tensor]) -> None:
        if self.noise is not None:
            self.noise.add(gradients, step=self.counters.step)

    def _tell_of_compilation(self, compilation: Compilation) -> None:
        self._tell("compiled", compilation=compilation)

    def build_optimizers(self) -> None:
        """Make the optimisers of the current stage afresh, without any state."""
        groups = self.method.parameter_groups(self.stage) if self.stage.fit is None else {}
        check_groups(groups)
        self.optimizers.clear()
        self.learning_rates = {}
        for name, members in groups.items():
            optimizer = self._make_optimizer(name, members)
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
            self.optimizers[name] = optimizer
            self.learning_rates[name] = optimizer.param_groups[0]["lr"]

    def _closed_form(self, stage: Stage) -> None:
        source = self.sources[stage.source]
        if source.length is None or stage.fit is None:
            raise must_be("source", "of known length for a closed form", stage.source)
        self.method.train()
        source.share(Share())  # each process sees all of it: the solution is not a sum of parts
        stage.fit(self._move(source.next(Position(0, step))) for step in range(source.length))
        source.share(self.processes.share)
        self.processes.begin(self.method)
        self.restart_average()  # a solution is not to be mixed with what was there before
        self.counters.step += 1
        self.counters.stage_step += 1
        self._end_epoch()
        self._keep(self.counters.step)

    # --- steps ------------------------------------------------------------------------------------

    def _step(self) -> None:
        self._set_learning_rates()
        counters = self.counters
        # a module looks at whatever is assigned to it whether it is a parameter: that takes longer
        object.__setattr__(self.method, "progress", counters.stage_step / self.plan.steps)
        drawn: list[Streams | None] = []
        for phase in self.phases:
            if self.phase_intervals and counters.stage_step % self.phase_intervals.get(
                phase.name, 1
            ):
                continue
            for number in range(phase.batches):
                while number >= len(drawn):
                    drawn.append(self._draw(len(drawn)))
                streams = drawn[number]
                if streams is not None:
                    self._update(phase, streams)
        counters.step += 1
        counters.stage_step += 1
        counters.epoch_step += 1
        for one in drawn:
            if one is not None:
                counters.examples += count_examples(one)
        if self.average is not None:
            self.average.stepped()
        done = counters.step
        self._tell("stepped")
        self._obey("after_step")
        last = counters.stage_step >= self.plan.steps
        if counters.epoch_step >= self.plan.steps_per_epoch or last:
            self._end_epoch()
        self._keep(done)

    def _draw(self, number: int) -> Streams | None:
        counters = self.counters
        position = Position(counters.epoch, counters.epoch_step * self.plan.batches + number)
        source = self.sources[self.stage.source]
        skipped = bool(self.skipped_positions) and position in self.skipped_positions
        if skipped and source.resume is Resume.EXACT:
            return None
        streams = source.next(position, self.stage.act)  # a foreign stream must be gone past
        return None if skipped else self._move(streams)

    def _move(self, streams: Streams) -> Streams:
        if isinstance(streams, Batch):
            on_device = streams.index.device == self.device
            return streams if on_device else streams.to(self.device, non_blocking=True)
        return {name: batch.to(self.device, non_blocking=True) for name, batch in streams.items()}

    def _update(self, phase: Phase, streams: Streams) -> None:
        outcome = self.updater.run(phase, streams)
        self.account.add(outcome, phase=phase.name)
        self._tell("phase_done", phase=phase.name, streams=streams, outcome=outcome)

    def _cut_batches(self, phase: str, size: int) -> None:
        """Memory gave out: said aloud, recorded, and kept to."""
        command = cut_batches(self.method, phase, size=size, step=self.counters.step)
        execute(self, command)
        self._tell("commanded", command=command)
        warnings.warn(command.finding.message if command.finding else "", stacklevel=2)

    def _set_learning_rates(self) -> None:
        factor = self._schedule(self.counters.stage_step, self.plan.steps)
        self.learning_rates = {}  # a new one each step: the record keeps some
        for name, optimizer in self.optimizers.items():
            own = factor * self.learning_rate_factors[name]
            groups = optimizer.param_groups
            for group in groups:
                group["lr"] = group["initial_lr"] * own
            self.learning_rates[name] = groups[0]["lr"]

    # --- epochs -----------------------------------------------------------------------------------

    def _begin_epoch(self) -> None:
        self.method.train()
        self._epoch_began = time.perf_counter()

    def _end_epoch(self) -> None:
        mean = self.account.close_epoch()
        counters = self.counters
        seconds = time.perf_counter() - self._epoch_began
        examples = self.processes.summed(counters.examples)
        counters.epoch += 1
        counters.epoch_step = counters.examples = 0
        step, last = counters.step, counters.stage_step >= self.plan.steps
        if self.average is not None:
            self.average.epoch_ended(counters.stage_step / self.plan.steps)
        self._tell("epoch_ended", loss=mean, examples=examples, seconds=seconds)
        self._obey("after_epoch")
        if counters.step == step and (counters.epoch % self.settings.validate_every == 0 or last):
            self._validate()
        if self.ring is not None and counters.step == step:  # else a command went back, to where
            self.ring.add(step, capture(self))  # all this has been done
        self._begin_epoch()

    def _validate(self) -> None:
        if self._held_out is None or not self.method.judged_by():
            return
        with self._judged():
            metrics = validate(
                self.method, self._held_out, precision=self.precision, processes=self.processes
            )
        name, first = next(iter(self.method.judged_by().items()))
        score = metrics[name] if first.higher_is_better else -metrics[name]
        self.best.consider(
            score,
            step=self.counters.step,
            epoch=self.counters.epoch,
            weights=self.judged_weights if self.settings.restore_best else None,
        )
        self._tell("validated", metrics=metrics)
        self._obey("after_validation", metrics=metrics)

    def _settle(self) -> None:
        """Leave the method with the weights that the stage is judged by."""
        self.updater.close()
        if self.ending is not None and self.ending.reason == "interrupted":
            return
        weights = self.best.weights
        if weights is None and self.average is not None:
            weights = self.judged_weights()
        if weights is None:
            weights = self._buffers_for_all(self.method.state_dict())
        self.method.load_state_dict(weights, strict=False)
        if self.average is not None and self.average.statistics_are_stale and self.phases:
            self._refresh_statistics()

    def _refresh_statistics(self) -> None:
        """One more pass, of the epoch that would come next, without an update."""
        source, epoch = self.sources[self.stage.source], self.counters.epoch
        steps = self.plan.steps_per_epoch * self.plan.batches
        batches = (self._move(source.next(Position(epoch, step))) for step in range(steps))
        seed = _random.derive(self.settings.seed, "statistics")
        with _random.isolated(seed), self.precision.autocast():
            refresh_statistics(self.method, self.phases[0], batches=batches)
        self.method.load_state_dict(self._buffers_for_all(self.method.state_dict()), strict=False)

    # --- snapshots --------------------------------------------------------------------------------

    def _keep(self, done: int) -> None:
        """Take a snapshot after the step that made `done` of them, where one is due."""
        stops = self.processes.stops and self.ending is None
        if self._snapshots is not None:
            self._snapshots.check()
            # where a command has gone back, all this has been done
            if stops or (self.counters.step == done and self._is_snapshot_due()):
                self._take_snapshot(self._snapshots)
        if stops:
            self.ending = Ended(reason="interrupted", step=self.counters.step)

    def _is_snapshot_due(self) -> bool:
        counters, settings = self.counters, self.settings
        if settings.snapshot_steps and counters.step % settings.snapshot_steps == 0:
            return True
        if counters.epoch_step or not settings.snapshot_every:
            return False
        last = counters.stage_step >= self.plan.steps
        return last or counters.epoch % settings.snapshot_every == 0

    def _take_snapshot(self, snapshots: SnapshotWriter) -> None:
        self.account.settle()
        if self.processes.first:
            self._tell("snapshot_taken", file=snapshots.name(self.counters.step))
        state = gathered_state(self, {**capture(self), "observers": capture_observers(self)})
        if self.processes.first:
            snapshots.take(self.counters.step, state)

    # --- people -----------------------------------------------------------------------------------

    def _tell(self, moment: str, **what: Any) -> None:
        for _, listen in self._listeners[moment]:
            listen(self.view, **what)

    def _obey(self, moment: str, **what: Any) -> None:
        if not self._advisers[moment]:
            return
        commands: list[tuple[str, Command]] = self.processes.decided(
            lambda: [
                (controller.name, command)
                for controller, advise in self._advisers[moment]
                for command in advise(self.view, **what)
            ]
        )
        people = {controller.name: controller for controller in self.controllers}
        # what a roll-back restores must not undo what was asked for beside it
        for name, command in sorted(commands, key=lambda pair: type(pair[1]) is not RollBack):
            controller = people[name]
            if type(command) not in controller.owns:
                raise must_be(
                    "commands",
                    f"of the kinds that {controller.name} owns",
                    type(command).__name__,
                )
            execute(self, command)
            self._tell("commanded", command=command)
