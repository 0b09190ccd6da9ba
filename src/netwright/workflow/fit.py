"""Data in, a trained, judged, recorded and reported run out."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from torch import nn

from netwright import _random
from netwright._catalogue import only_installed
from netwright._errors import DamagedRun, must_be
from netwright.data.preprocess import catalogue as preprocessing
from netwright.methods.base import Method
from netwright.runs.beginning import STARTED
from netwright.runs.environment import environment
from netwright.runs.events import Recorder, history, last_attempt
from netwright.runs.finished import COMPLETE, SNAPSHOTS, WEIGHTS, is_finished
from netwright.runs.lock import writing
from netwright.runs.recipe import Recipe
from netwright.runs.records import Ended
from netwright.runs.store import RunFolder
from netwright.train.distribute.processes import Processes
from netwright.train.loop import Loop
from netwright.train.snapshot import SnapshotFolder
from netwright.workflow.ensembling.snapshots import (
    conclude_snapshots,
    forget_cycles,
    gathers_snapshots,
)
from netwright.workflow.given_weights import remember_weights
from netwright.workflow.judging import judge_run
from netwright.workflow.launch import is_launched, together
from netwright.workflow.learning import Learning
from netwright.workflow.run import Run
from netwright.workflow.sample_size import sample_size
from netwright.workflow.session import Given, Session, open_session
from netwright.workflow.teachers import paths_of
from netwright.workflow.wishes import wished

if TYPE_CHECKING:
    from rich.console import Console


__all__ = ["fit", "new_folder", "resume", "run_recipe", "terminal"]

_BEFORE_LEARNING = {"attempt", "stage", "finding", "compilation"}


def fit(
    data: Any,
    *,
    model: str | nn.Module | None = None,
    method: str | Method | None = None,
    teachers: Sequence[Any] = (),
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    target: str | None = None,
    costs: Mapping[str, Mapping[str, float]] | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,
    doctor: bool = True,
    name: str | None = None,
    changes: Sequence[str] = (),
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> Run:
    """Train on `data` with good defaults; every choice is written into the run's recipe.

    Args:
        data: a built-in set, a path, arrays (x, y), a Dataset, a DataLoader, or a mapping of splits
            to any of the last three.
        model: a name of the catalogue, or any module of the right width; None chooses by the data.
        method: a name of the catalogue, `file.py:Name`, or a method object.
        teachers: runs, or paths of runs, that the network learns from beside the targets; the
            method is then `distillation` where none is named.
        epochs: passes over the training split.
        batch_size: examples an update.
        optimizer: a name of the catalogue.
        learning_rate: the highest that the schedule reaches.
        schedule: a name of the catalogue.
        target: column of a table.
        costs: true class → decision → what it costs; the decision "abstain" is to give no answer.
        seed: of weights, order, augmentation and dropout; the test split does not depend on it.
        device: "auto", "cpu", "cuda", ….
        precision: "auto", "fp32", "bf16", "fp16".
        compile: carry out each step as one compiled graph where the method allows it; pays where
            steps are short and many.
        doctor: watch the run; changes no bit of it.
        name: of the run's folder; the data's name and a number where it is left out.
        changes: any field of the recipe, as "path.to.field=value".
        root: folder of all runs.
        console: where progress is drawn; None draws on the terminal, if there is one.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    fields = {
        "method.teachers": paths_of(teachers) or None,
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "training.precision": precision,
        "training.compile": compile,
        "optimizer.name": optimizer,
        "optimizer.learning_rate": learning_rate,
        "schedule.name": schedule,
        "data.target": target,
        "costs": costs,
        "seed": seed,
        "device": device,
        "doctor": doctor,
    }
    if method is None and fields["method.teachers"]:
        method = "distillation"
    recipe, given = wished(data, model=model, method=method, fields=fields, changes=changes)
    return run_recipe(
        recipe,
        data=given.data,
        model=given.model,
        method=given.method,
        name=name,
        root=root,
        console=console,
    )


def run_recipe(
    recipe: Recipe,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    method: Method | None = None,
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> Run:
    """Carry out a recipe.

    Args:
        recipe: whole or in part; what it leaves out is chosen by the data.
        data: in place of what it names; arrays and loaders have no name.
        model: an object in place of a name.
        method: likewise.
        name: of the run's folder.
        root: folder of all runs.
        console: where progress is drawn.
    """
    given = Given(data=data, model=model, method=method)
    _refuse_ensemble(recipe)
    if recipe.ensemble is not None and not gathers_snapshots(recipe):
        from netwright.workflow.ensembling.independent import train_independent

        return train_independent(recipe, given, name=name, root=root, console=console)
    # a foreign loader draws from the global generators
    with _random.isolated(), together(recipe) as processes:
        session = processes.in_turn(lambda: open_session(recipe, given))
        folder = processes.decided(lambda: new_folder(session, name=name, root=root))
        with _nothing_left_of_a_false_start(folder) if processes.first else nullcontext():
            return _carry_out(session, folder, processes=processes, console=console)


def resume(
    run: str | os.PathLike[str] | RunFolder,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    method: Method | None = None,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> Run:
    """Go on with a run that was interrupted or killed, from its newest whole snapshot.

    It ends with the same bits as if it had never stopped, on the same machine and versions.

    Args:
        run: path, name under `root`, or the beginning of a name.
        data: what was given to `fit`, where that was no path and no name.
        model: the module that was given to `fit`, where one was.
        method: likewise.
        trust: run the Python files that the run's recipe names (`file.py:Name`).
        root: folder of all runs.
        console: where progress is drawn.

    Raises:
        DamagedRun: it is finished, another process writes it, or no snapshot of it is whole.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder.find(run, root=root)
    _refuse_finished(folder)
    if not folder.has("recipe.yaml"):
        raise DamagedRun(
            f"run must hold its recipe to go on with, got {folder.name}, which was stopped before "
            "it began. Start it anew."
        )
    recipe = Recipe.read(folder.path / "recipe.yaml")
    given = Given(data=data, model=model, method=method)
    _refuse_ensemble(recipe)
    if recipe.ensemble is not None and not gathers_snapshots(recipe):
        from netwright.workflow.ensembling.independent import resume_independent

        with only_installed(unless=trust):
            return resume_independent(folder, recipe, given=given, trust=trust, console=console)
    with _random.isolated(), only_installed(unless=trust), together(recipe) as processes:
        begun = bool(SnapshotFolder(folder.path / SNAPSHOTS).files())
        session = processes.in_turn(lambda: open_session(recipe, given, begun=begun))
        # it may have been stopped while the folder was made
        if processes.first and not folder.has("preprocess.json"):
            _describe(folder, session)
        return _carry_out(session, folder, processes=processes, console=console, resumed=True)


def _refuse_ensemble(recipe: Recipe) -> None:
    """One that can't be trained, here or at all."""
    part = recipe.ensemble
    if part is not None and is_launched():
        raise must_be(
            "ensemble",
            "trained by one process",
            "several",
            "Train each member over the processes with a seed of its own, then put them "
            "together: netwright ensemble RUN RUN ….",
        )
    if part is not None and part.kind == "given":
        raise must_be(
            "ensemble.kind",
            "independent or snapshots to be trained",
            "given",
            "This one was put together from runs: netwright ensemble RUN RUN ….",
        )


def _refuse_finished(folder: RunFolder) -> None:
    if is_finished(folder):
        raise DamagedRun(
            f"run must be unfinished to go on with, got {folder.name}, which has its final weights."
            " Start another: netwright train --recipe RUN/recipe.yaml"
        )


def new_folder(session: Session, *, name: str | None, root: str | os.PathLike[str]) -> RunFolder:
    """A folder that says what is going to be carried out; none where that can't be written."""
    called = session.name if name is None else name
    folder = RunFolder.create(root, called, exact=name is not None)
    with _nothing_left_of_a_false_start(folder):
        remember_weights(folder, session)
        if session.started is not None:
            folder.write_json(STARTED, session.started.record())
        folder.write_text("recipe.yaml", session.recipe.to_yaml())
        _describe(folder, session)
    return folder


def _describe(folder: RunFolder, session: Session) -> None:
    folder.write_json("environment.json", environment())
    about = session.prepared.summary() | {"fingerprint": session.recipe.data.fingerprint}
    folder.write_json("data.json", about | sample_size(session))
    folder.write_json("preprocess.json", session.prepared.state())


@contextmanager
def _nothing_left_of_a_false_start(folder: RunFolder) -> Iterator[None]:
    """Take the folder away again when the block fails before anything was learned."""
    try:
        yield
    except BaseException:
        # another process may have taken it up meanwhile, or the disk is full: then it stays
        with suppress(DamagedRun), writing(folder.path):
            if {event["kind"] for event in history(folder.path)} <= _BEFORE_LEARNING:
                shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _carry_out(
    session: Session,
    folder: RunFolder,
    *,
    processes: Processes,
    console: Console | None,
    resumed: bool = False,
) -> Run:
    state = session.prepared.state()
    preprocess = preprocessing.from_state(state["preprocess"])
    run = Run(folder, session.recipe, session.method, state, preprocess)
    with ExitStack() as stack:
        recorder = None
        if processes.first:  # the others are told what it writes
            stack.enter_context(writing(folder.path))
            if resumed:  # another process may have ended it while this one was waiting for the data
                _refuse_finished(folder)
            recorder = stack.enter_context(Recorder(folder.path, last_attempt(folder.path) + 1))
        learning = Learning(session, folder, processes=processes, recorder=recorder)
        begun = time.perf_counter()
        loop, ended = learning.learn(console or terminal(), resumed=resumed)
        seconds = time.perf_counter() - begun
        processes.take_back(loop.method, into=session.method)
        loop.release()
        session.method.to(session.device).eval()
        if gathers_snapshots(session.recipe) and ended.reason != "interrupted":
            run = conclude_snapshots(session, run)
            _report(run, recorder, ended)
            forget_cycles(folder)
        else:
            processes.decided(
                lambda: _conclude(session, run, loop, recorder, ended, seconds=seconds)
            )
    session.method.to("cpu")
    return run


def _conclude(
    session: Session,
    run: Run,
    loop: Loop,
    recorder: Recorder | None,
    ended: Ended,
    *,
    seconds: float,
) -> None:
    """Judge and report: the first process does it, while the others wait."""
    if ended.reason != "interrupted":
        run.folder.write_tensors(WEIGHTS, session.method.state_dict())
        judge_run(session, run.folder, precision=loop.precision, seconds=seconds)
    _report(run, recorder, ended)


def _report(run: Run, recorder: Recorder | None, ended: Ended) -> None:
    run.report()
    if ended.reason != "interrupted" and recorder is not None:
        recorder.record(COMPLETE, step=ended.step)


def terminal() -> Console:
    """Where progress is drawn when nobody says otherwise."""
    from rich.console import Console

    return Console(file=sys.stderr)
