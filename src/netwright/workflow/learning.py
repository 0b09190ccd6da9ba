"""The loop of a run, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from netwright._errors import NonFinite, must_be
from netwright.data.source import Source
from netwright.runs.events import Recorder
from netwright.runs.finished import SNAPSHOTS
from netwright.runs.recipe import Recipe
from netwright.runs.records import Ended
from netwright.runs.store import RunFolder
from netwright.train.distribute.processes import Processes
from netwright.train.distribute.ranks import change_of_world
from netwright.train.loop import Loop
from netwright.train.observers.progress import Progress
from netwright.train.observers.record import Record
from netwright.train.schedules import ON_PLATEAU
from netwright.train.snapshot import SnapshotFolder
from netwright.workflow.build import (
    build_early_stopping,
    build_on_plateau,
    make_optimizers,
    schedule_of,
    settings_of,
    snapshots_of,
)
from netwright.workflow.checkup import doctor_for
from netwright.workflow.ensembling.snapshots import cycle_ends
from netwright.workflow.given_weights import refuse_other_weights
from netwright.workflow.interrupt import stops_on_interrupt
from netwright.workflow.kept_features import held_out_of, train_source_of
from netwright.workflow.launch import what_differs
from netwright.workflow.restarting import restarts_of
from netwright.workflow.session import Session
from netwright.workflow.starting_weights import refuse_changed_start
from netwright.workflow.taking_up import (
    Start,
    Told,
    change_of_place,
    degree_of_resume,
    fresh,
    taken_up,
)
from netwright.workflow.understood import understood

if TYPE_CHECKING:
    from rich.console import Console

    from netwright.train.control import Observer

__all__ = ["Learning"]

SETTLING = 2.0  # seconds; a launcher passes an interrupt of the terminal on


class Learning:
    """The loop of a run and who is told of it.

    Args:
        session: what is carried out.
        folder: of the run.
        processes: that carry it out.
        recorder: of the first of them; the others have none.
    """

    def __init__(
        self,
        session: Session,
        folder: RunFolder,
        *,
        processes: Processes,
        recorder: Recorder | None,
    ) -> None:
        self.session, self.folder = session, folder
        self.processes, self.recorder = processes, recorder
        self.source = train_source_of(session)
        path = folder.path / SNAPSHOTS
        self.snapshots = (
            SnapshotFolder(path)
            if recorder is None
            else snapshots_of(session.recipe, path, record=recorder)
        )

    def learn(self, console: Console, *, resumed: bool) -> tuple[Loop, Ended]:
        """Train from the start, or from the newest snapshot."""
        processes, several = self.processes, self.processes.share.of > 1
        start = processes.decided(lambda: self._start(resumed=resumed))
        with ExitStack() as stack:
            observers = self._observers(start, console, stack)
            loop = _loop(
                self.session,
                self.source,
                observers=observers,
                snapshots=self.snapshots,
                processes=processes,
            )
            if start.state is not None:
                loop.resume(start.state)
            stack.enter_context(stops_on_interrupt(loop, settling=SETTLING if several else 0.0))
            stack.enter_context(_reported_when_not_finite(self.folder, processes))
            return loop, loop.run()

    def _start(self, *, resumed: bool) -> Start:
        if not resumed:
            return fresh()
        start = taken_up(self.snapshots)
        if start.state is None:
            refuse_other_weights(self.folder, self.session)
            refuse_changed_start(self.folder, self.session.started)
        return start

    def _observers(self, start: Start, console: Console, stack: ExitStack) -> list[Observer]:
        if self.recorder is None:
            return []
        session, share = self.session, self.processes.share
        every = session.recipe.training.record_every or 1
        tracked = self._tracked(stack)  # closed after the record, so that all of it is copied
        record = stack.enter_context(closing(Record(self.recorder, every=every, about=start.about)))
        title = understood(session.prepared.summary())
        progress = stack.enter_context(closing(Progress(console, title=title)))
        said = list(start.said)
        if start.state is not None:
            said += [*change_of_world(start.state, share), *change_of_place(self.folder)]
        told = Told(
            [*degree_of_resume(self.source), *what_differs(session, share)],
            said=said,
            record=record.found,
            say=_sayer(console),
        )
        observers: list[Observer] = [record, told, progress]
        observers += cycle_ends(session.recipe, self.folder)
        observers += tracked
        if session.recipe.doctor:
            watching = doctor_for(
                session, source=self.source, report=record.found, folder=self.folder
            )
            observers.append(watching)
        return observers

    def _tracked(self, stack: ExitStack) -> list[Observer]:
        part = self.session.recipe.tensorboard
        if part is None:
            return []
        from netwright.workflow.tracking import tensorboard_for

        fsdp = self.session.recipe.training.distribution == "fsdp"
        observer = tensorboard_for(part, self.folder, whole=not fsdp)
        return [stack.enter_context(closing(observer))]


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(
        f"note: {line}", markup=False, highlight=False, soft_wrap=True
    )


@contextmanager
def _reported_when_not_finite(folder: RunFolder, processes: Processes) -> Iterator[None]:
    """A run that is given up has a report too: it shows where it went wrong."""
    try:
        yield
    except NonFinite as error:
        from netwright.report import write_report

        error.met_by = 0  # by all at once: the first one says it
        # a launcher stops the first as soon as another is gone: they wait for it
        processes.decided(lambda: write_report(folder))
        raise


def _refuse_without_validation(recipe: Recipe) -> None:
    if recipe.schedule is not None and recipe.schedule.name == ON_PLATEAU:
        raise must_be(
            "schedule", "a function of the step where there are no validation data", ON_PLATEAU
        )


def _loop(
    session: Session,
    source: Source,
    *,
    observers: Sequence[Observer],
    snapshots: SnapshotFolder,
    processes: Processes,
) -> Loop:
    recipe, prepared = session.recipe, session.prepared
    method = processes.worked_on(session.method)
    held_out = None
    if "val" not in prepared.splits:
        _refuse_without_validation(recipe)
    else:
        held_out = held_out_of(session, "val", share=processes.share)
    return Loop(
        method,
        {"train": source},
        make_optimizer=make_optimizers(recipe, method),
        settings=settings_of(recipe),
        schedule=schedule_of(recipe),
        held_out=held_out,
        device=session.device,
        observers=observers,
        controllers=[
            *build_early_stopping(recipe.training, method),
            *build_on_plateau(recipe, method),
        ],
        snapshots=snapshots,
        restarts=restarts_of(session),
        processes=processes,
    )
