"""Members that are trained each on its own, from seeds of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

from netwright.methods.ensemble import Member
from netwright.runs.events import Recorder, last_attempt
from netwright.runs.finished import COMPLETE, MEMBERS, WEIGHTS
from netwright.runs.lock import writing
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder, list_runs
from netwright.workflow import fit
from netwright.workflow.ensembling.concluded import conclude_ensemble
from netwright.workflow.ensembling.described import Described
from netwright.workflow.one_of_several import carried_on
from netwright.workflow.run import Run
from netwright.workflow.session import Given, Session, open_session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["resume_independent", "train_independent"]


def train_independent(
    recipe: Recipe,
    given: Given,
    *,
    name: str | None,
    root: str | os.PathLike[str],
    console: Console | None,
) -> Run:
    """Train the members one after another, then judge what they say together.

    Member i, counted from 0, is the run that the recipe would be without its ensemble and with a
    seed higher by i. It is a run of its own, in `members/` of the ensemble's folder. A module that
    was given begins in each of them with the weights it was given with.
    """
    session = open_session(recipe, _copied(given))
    folder = fit.new_folder(session, name=name, root=root)
    with _nothing_left_without_a_member(folder):
        return _train_missing(session, folder, given=given, console=console)


def resume_independent(
    folder: RunFolder, recipe: Recipe, *, given: Given, trust: bool, console: Console | None
) -> Run:
    """Go on with the member that was being trained, and with those after it."""
    session = open_session(recipe, _copied(given))
    return _train_missing(session, folder, given=given, trust=trust, console=console)


def _train_missing(
    session: Session,
    folder: RunFolder,
    *,
    given: Given,
    console: Console | None,
    trust: bool = False,
) -> Run:
    part = session.recipe.ensemble
    with (
        writing(folder.path),
        Recorder(folder.path, last_attempt(folder.path) + 1) as recorder,
    ):
        recorder.begin(step=0)
        runs = []
        for place in range(0 if part is None else part.members):
            member = session.recipe.model_copy(
                update={"ensemble": None, "seed": session.recipe.seed + place}
            )
            own = RunFolder(folder.path / MEMBERS / str(place + 1))
            run = carried_on(own, member, given=given, trust=trust, console=console)
            if not run.folder.has(WEIGHTS):  # interrupted
                recorder.record("ended", step=place, reason="interrupted")
                return Run(folder, session.recipe, run.method, run.state, run.preprocess)
            runs.append(run)
        ensemble = conclude_ensemble(
            session,
            folder,
            members=[Member(run.preprocess, run.method) for run in runs],
            described=[
                Described(name=f"{MEMBERS}/{run.name}", recipe=run.recipe, state=run.state)
                for run in runs
            ],
        )
        for finding in {one.message: one for run in runs for one in run.findings}.values():
            recorder.record("finding", **finding.to_json())
        recorder.record("ended", step=len(runs), reason="finished")
        ensemble.report()
        recorder.record(COMPLETE, step=len(runs))
    return ensemble


def _copied(given: Given) -> Given:
    """The caller's modules stay as they are: each member trains copies."""
    return Given(data=given.data, model=deepcopy(given.model), method=deepcopy(given.method))


@contextmanager
def _nothing_left_without_a_member(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not list_runs(folder.path / MEMBERS):
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
