"""Members that are moments of one run: the ends of its cycles."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace

from torch import Tensor

from netwright.methods.base import Method
from netwright.methods.ensemble import Member
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.train.observers.cycle_ends import CycleEnds
from netwright.workflow.ensembling.concluded import conclude_ensemble
from netwright.workflow.ensembling.described import Described
from netwright.workflow.run import Run
from netwright.workflow.session import Session

__all__ = ["conclude_snapshots", "cycle_ends", "forget_cycles", "gathers_snapshots"]

CYCLES = "cycles"


def gathers_snapshots(recipe: Recipe) -> bool:
    """Whether the members are moments of the run itself."""
    return recipe.ensemble is not None and recipe.ensemble.kind == "snapshots"


def cycle_ends(recipe: Recipe, folder: RunFolder) -> list[CycleEnds]:
    """Who keeps the weights of the members, where the recipe asks for them."""
    part = recipe.ensemble
    if part is None or not gathers_snapshots(recipe):
        return []

    def keep(cycle: int, weights: Mapping[str, Tensor]) -> None:
        folder.write_tensors(_file(cycle), weights)

    return [CycleEnds(part.members, keep=keep)]


def conclude_snapshots(session: Session, run: Run) -> Run:
    """The ensemble of the cycles that were ended.

    Where the run stopped early its last weights answer too: they are those of a cycle cut short.
    """
    folder, part = run.folder, session.recipe.ensemble
    wanted = 0 if part is None else part.members
    methods = [
        _method_at(session.method, folder, cycle)
        for cycle in range(1, wanted + 1)
        if folder.has(_file(cycle))
    ]
    if len(methods) < wanted:
        methods.append(deepcopy(session.method))
    single = session.recipe.model_copy(update={"ensemble": None})
    ensemble = conclude_ensemble(
        session,
        folder,
        members=[Member(deepcopy(run.preprocess), method) for method in methods],
        described=[
            Described(name=f"cycle {cycle}", recipe=single, state=run.state)
            for cycle in range(1, len(methods) + 1)
        ],
    )
    return replace(ensemble, recipe=session.recipe)


def forget_cycles(folder: RunFolder) -> None:
    """Throw away the files of single cycles, once the ensemble holds them and all is done."""
    shutil.rmtree(folder.path / CYCLES, ignore_errors=True)


def _method_at(method: Method, folder: RunFolder, cycle: int) -> Method:
    copy = deepcopy(method)
    copy.load_state_dict(folder.read_tensors(_file(cycle)))
    return copy


def _file(cycle: int) -> str:
    return f"{CYCLES}/{cycle}.safetensors"
