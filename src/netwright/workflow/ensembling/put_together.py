"""Runs that are there, put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from netwright import _random
from netwright._errors import BadData, must_be, offenders
from netwright.methods.ensemble import Ensemble, Member
from netwright.runs.events import Recorder
from netwright.runs.finished import COMPLETE
from netwright.runs.recipe import EnsemblePart
from netwright.workflow import fit
from netwright.workflow.ensembling.concluded import conclude_ensemble
from netwright.workflow.ensembling.described import Described
from netwright.workflow.run import Run
from netwright.workflow.session import Given, open_session

__all__ = ["ensemble"]


def ensemble(
    runs: Sequence[Run],
    *,
    data: Any = None,
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
) -> Run:
    """Put trained runs together: they answer with the mean of what each says.

    They may be of different models, preprocessings and schedules, but must have learned the same
    targets from the same examples with the same splits: else one of them has seen what the others
    are judged by. The new run holds the weights of all; the runs themselves are left as they are.

    Args:
        runs: two or more, as `load` and `fit` give them.
        data: what was given to `fit`, where that was no path and no name.
        name: of the new run's folder.
        root: folder of all runs.

    Raises:
        BadData: the runs don't fit together.
    """
    if len(runs) < 2:
        raise must_be("runs", "at least 2 to be put together", len(runs))
    nested = [run.name for run in runs if isinstance(run.method, Ensemble)]
    if nested:
        raise must_be("runs", "single ones", offenders(nested), "Name the members instead.")
    _refuse_different(runs)
    first = runs[0]
    if "parts" in first.state["target"]:
        raise must_be(
            "runs", "of one target to be put together", offenders(first.state["target"]["names"])
        )
    recipe = first.recipe.model_copy(
        update={"ensemble": EnsemblePart(kind="given", members=len(runs))}
    )
    with _random.isolated():
        trained = recipe.model_copy(update={"initialise": None})  # and not to be started anew
        session = open_session(trained, Given(data=data, method=first.method))
        session = replace(session, name=f"{session.name}-ensemble")
        folder = fit.new_folder(session, name=name, root=root)
        folder.write_text("recipe.yaml", recipe.to_yaml())
        with Recorder(folder.path, 1) as recorder:
            recorder.begin(step=0)
            made = conclude_ensemble(
                session,
                folder,
                members=[Member(run.preprocess, run.method) for run in runs],
                described=[
                    Described(name=run.name, recipe=run.recipe, state=run.state) for run in runs
                ],
            )
            recorder.record("ended", step=len(runs), reason="finished")
            made.report()
            recorder.record(COMPLETE, step=len(runs))
    return made


def _refuse_different(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        differs = [
            what
            for what, own, others in (
                ("data", first.recipe.data.fingerprint, run.recipe.data.fingerprint),
                ("split", first.recipe.split, run.recipe.split),
                ("target", first.state["target"], run.state["target"]),
                ("input shape", first.state["input_shape"], run.state["input_shape"]),
                ("encoding of columns", first.state["encoder"], run.state["encoder"]),
            )
            if own != others
        ]
        if differs:
            raise must_be(
                "runs",
                "of the same data and splits",
                f"{first.name} and {run.name}, which differ in {', '.join(differs)}",
                "A member that has learned from another's test split would be judged by it.",
                error=BadData,
            )
