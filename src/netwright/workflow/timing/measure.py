"""A step of a recipe measured: whole, taken apart, and what it keeps in memory."""

from __future__ import annotations

import copy
import math
import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netwright import _random
from netwright._errors import must_be
from netwright.data.dataset import Items
from netwright.data.source import Source
from netwright.diagnose import Doctor
from netwright.methods.base import Method
from netwright.runs.events import Recorder
from netwright.runs.recipe import Recipe
from netwright.train.control import Observer
from netwright.train.loop import Loop
from netwright.train.observers.record import Record
from netwright.train.plan import plan_stage
from netwright.train.precision import choose_precision
from netwright.workflow.build import make_optimizers, schedule_of, settings_of
from netwright.workflow.loaders import PreparedLoaders
from netwright.workflow.session import Given, Session, open_session
from netwright.workflow.timing.advice import advice
from netwright.workflow.timing.judging import examples_of, judging_seconds
from netwright.workflow.timing.memory import Kept
from netwright.workflow.timing.parts import parts_of, whole_step
from netwright.workflow.timing.preparing import BatchCosts, batch_costs
from netwright.workflow.timing.result import Loading, StageTime, Timing
from netwright.workflow.timing.stopwatch import (
    Before,
    Behind,
    Enough,
    Key,
    Stopwatch,
    Ticks,
    TimedSource,
    Whole,
    watched_phases,
)
from netwright.workflow.understood import understood

__all__ = ["time_step"]

STEPS = 50
_PATIENCE = 10.0  # seconds a pass, where nobody said how many steps
_WARM = 5  # steps; more where workers read ahead
_BOUND = 0.2
_EPOCHS = 1_000_000  # so that no pass ends before it has seen enough


def time_step(
    recipe: Recipe,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    method: Method | None = None,
    steps: int | None = None,
) -> Timing:
    """Train a copy for some steps and say where the time goes; nothing is written or left changed.

    The whole step is measured as it runs. Its parts are measured in steps of their own, in which
    the device is waited for between them.

    Args:
        recipe: whole or in part; what it leaves out is chosen by the data.
        data: in place of what it names; arrays and loaders have no name.
        model: an object in place of a name.
        method: likewise.
        steps: how many are measured, after some that warm up; None takes 50, or as many as 10
            seconds allow.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    if steps is not None and steps < 2:
        raise must_be("steps", "at least 2", steps, "50 give a narrow interval.")
    with _random.isolated():
        session = open_session(recipe, Given(data=data, model=model, method=method))
        return _Bench(session, steps).timing()


@dataclass(frozen=True)
class _Bench:
    """Passes over the first steps of a session, each on a fresh copy of its method."""

    session: Session
    steps: int | None

    def timing(self) -> Timing:
        """Half of the whole steps before those that are taken apart, half after them."""
        session = self.session
        costs = batch_costs(session.prepared, session.recipe, device=session.device)
        before, _, _ = self._whole(share=0.5)
        clock, warmed, kept = self._apart()
        after, peak, method = self._whole(share=0.5)
        whole = [_joined(one, other) for one, other in zip(before, after, strict=True)]
        rows = [laps.rows[warm:] for laps, warm in zip(clock.stages, warmed, strict=True)]
        stages = tuple(
            self._stage(*one, costs) for one in zip(whole, rows, self._plans(), strict=True)
        )
        batch_size = session.recipe.training.batch_size or round(stages[0].examples)
        loading = self._loading(stages, costs)
        memory = kept.memory(prepared=session.prepared, batch_size=batch_size, peak=peak)
        validation, judging = self._judging(method)
        longest = max(stages, key=lambda stage: stage.mean * stage.steps)
        return Timing(
            data=understood(session.prepared.summary()),
            device=str(session.device),
            precision=session.recipe.training.precision,
            model=session.recipe.model.name if session.recipe.model is not None else "",
            batch_size=batch_size,
            micro_batch_size=session.recipe.training.micro_batch_size,
            stages=stages,
            validation=validation,
            run=session.recipe.training.restarts
            * (
                sum(stage.mean * stage.steps for stage in stages)
                + (validation or 0.0) * self._validations(stages)
            )
            + judging,
            loading=loading,
            memory=memory,
            advice=advice(longest, loading=loading, memory=memory, batch_size=batch_size),
        )

    # --- passes -----------------------------------------------------------------------------------

    def _whole(self, *, share: float) -> tuple[list[Ticks], int | None, Method]:
        """Steps as they run; the most memory that was allocated, and the method that learned."""
        cuda = self.session.device.type == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.session.device)
        method, ticks = copy.deepcopy(self.session.method), Whole(self.session.device)
        enough = self._enough(share=share)
        with self._recording() as watchers:
            self._loop(method, self._source(), observers=[*watchers, ticks], enough=enough).run()
        for stage, warm in zip(ticks.stages, enough.warmed, strict=True):
            del stage.seconds[: min(warm, len(stage.seconds) - 1)]
        peak = torch.cuda.max_memory_allocated(self.session.device) if cuda else None
        return ticks.stages, peak, method

    def _apart(self) -> tuple[Stopwatch, list[int], Kept]:
        """Steps taken apart; how many of each stage only warmed up; and what they kept."""
        session, method = self.session, copy.deepcopy(self.session.method)
        clock, enough = Stopwatch(session.device), self._enough(share=1.0)
        precision = choose_precision(session.recipe.training.precision, session.device)
        kept = Kept(method, precision=precision, device=session.device)
        source = TimedSource(self._source(), clock)
        with (
            watched_phases(method, clock=clock, first=kept.first_loss),
            self._recording() as watchers,
        ):
            observers = [
                kept,
                Before(clock),
                *watchers,
                Behind(clock),
            ]
            kept.loop = self._loop(method, source, observers=observers, enough=enough)
            kept.loop.run()
        return clock, enough.warmed, kept

    def _enough(self, *, share: float) -> Enough:
        warm = max(_WARM, 2 * (self._workers() or 0) + 2)
        if self.steps is not None:
            return Enough(warm=warm, steps=math.ceil(self.steps * share), seconds=math.inf)
        return Enough(warm=warm, steps=math.ceil(STEPS * share), seconds=_PATIENCE * share)

    def _source(self) -> Source:
        return self.session.prepared.train_source(self.session.recipe)

    @contextmanager
    def _recording(self) -> Iterator[list[Observer]]:
        """What looks on in a run of this recipe, its record in a place that is gone afterwards."""
        recipe = self.session.recipe
        with (
            tempfile.TemporaryDirectory(prefix="netwright-time-") as folder,
            Recorder(Path(folder), attempt=1) as recorder,
        ):
            record = Record(recorder, every=recipe.training.record_every or 1)
            doctor = Doctor(first_batch=None, floor=None, report=record.found)
            yield [record, doctor] if recipe.doctor else [record]
            record.close()

    def _loop(
        self, method: Method, source: Source, *, observers: Sequence[Observer], enough: Enough
    ) -> Loop:
        recipe = self.session.recipe
        settings = replace(settings_of(recipe), epochs=_EPOCHS)
        return Loop(
            method,
            {"train": source},
            make_optimizer=make_optimizers(recipe, method),
            settings=settings,
            schedule=schedule_of(recipe),
            device=self.session.device,
            observers=observers,
            controllers=[enough],
        )

    # --- what follows from them -------------------------------------------------------------------

    def _workers(self) -> int | None:
        prepared = self.session.prepared
        if isinstance(prepared, PreparedLoaders):
            return int(getattr(prepared.loaders["train"], "num_workers", 0))
        return prepared.workers if isinstance(prepared.samples, Items) else None

    def _plans(self) -> list[tuple[int, int]]:
        """Steps and epochs of each stage in the whole run."""
        recipe, method = self.session.recipe, copy.deepcopy(self.session.method)
        source, found = self._source(), []
        for stage in method.stages():
            phases = list(method.phases(stage)) if stage.fit is None else []
            epochs = recipe.training.epochs or 1
            plan = plan_stage(stage, phases, sources={stage.source: source}, epochs=epochs)
            found.append((plan.steps, -(-plan.steps // plan.steps_per_epoch)))
        return found

    def _validations(self, stages: Sequence[StageTime]) -> int:
        every = self.session.recipe.training.validate_every
        return sum(-(-stage.epochs // every) for stage in stages)

    def _stage(
        self,
        ticks: Ticks,
        rows: Sequence[dict[Key, float]],
        plan: tuple[int, int],
        costs: BatchCosts,
    ) -> StageTime:
        in_memory = self._workers() is None
        whole = whole_step(ticks.seconds, rows, in_memory=in_memory)
        return StageTime(
            name=ticks.name,
            whole=whole,
            mean=statistics.fmean(ticks.seconds),
            parts=parts_of(rows, whole, costs=costs, in_memory=in_memory),
            measured=len(ticks.seconds),
            examples=ticks.examples / max(ticks.steps, 1),
            steps=plan[0],
            epochs=plan[1],
        )

    def _loading(self, stages: Sequence[StageTime], costs: BatchCosts) -> Loading:
        stage = max(stages, key=lambda one: one.seconds_of("load") / one.whole.seconds)
        load, workers = stage.seconds_of("load"), self._workers()
        # medians of a stream that comes in bursts do not add up, so the whole is not asked here
        computing = sum(part.seconds for part in stage.parts if part.name not in ("load", "other"))
        waiting = load / max(load + computing, 1e-9)
        batch = self.session.recipe.training.batch_size or stage.examples
        reading = costs.reading
        if reading is not None:
            reading *= max(stage.examples / batch, 1.0)  # a step may take several batches
        elif workers == 0:
            reading = load
        enough = None if reading is None else max(math.ceil(reading / max(computing, 1e-9)), 1)
        return Loading(
            waiting=waiting,
            bound=waiting > _BOUND,
            workers=workers,
            reading=reading,
            computing=computing,
            enough=enough,
            cores=_cores(),
        )

    def _judging(self, method: Method) -> tuple[float | None, float]:
        """Seconds of one validation, and of judging every split at the end."""
        once = judging_seconds(self.session, method, split="val")
        examples = examples_of(self.session.prepared)
        if once is None:
            return None, judging_seconds(self.session, method, split="test") or 0.0
        return once, once * (1 + examples.get("test", 0) / examples["val"])


def _joined(one: Ticks, other: Ticks) -> Ticks:
    return Ticks(
        one.name,
        seconds=one.seconds + other.seconds,
        examples=one.examples + other.examples,
        steps=one.steps + other.steps,
    )


def _cores() -> int:
    """That this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1
