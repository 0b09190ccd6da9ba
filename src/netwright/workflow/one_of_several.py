"""One run of several that belong together: a member, a fold."""

from __future__ import annotations

import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from netwright.runs.finished import is_finished
from netwright.runs.recipe import Recipe
from netwright.runs.store import EVENTS, RunFolder
from netwright.workflow.fit import resume, run_recipe
from netwright.workflow.run import Run, load
from netwright.workflow.session import Given

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["carried_on"]


def carried_on(
    folder: RunFolder,
    recipe: Recipe,
    *,
    given: Given,
    trust: bool = False,
    console: Console | None = None,
) -> Run:
    """The run in `folder`, from where it is: begun, gone on with, or loaded when it has ended.

    It trains copies of the objects that were given, so that the next of its kind begins with the
    same. A run that is interrupted comes back unfinished.

    Args:
        folder: of the run, which need not be there.
        recipe: what it carries out where it has not begun.
        given: objects in place of what the recipe names.
        trust: run the Python files that the recipe names.
        console: where progress is drawn.
    """
    objects: dict[str, Any] = {"model": deepcopy(given.model), "method": deepcopy(given.method)}
    if folder.has("recipe.yaml") and is_finished(folder):
        return load(folder, trust=trust, **objects)
    if folder.has("recipe.yaml"):
        return resume(folder, data=given.data, trust=trust, console=console, **objects)
    if {path.name for path in folder.path.glob("*")} <= {EVENTS}:  # killed before it began
        shutil.rmtree(folder.path, ignore_errors=True)
    name, root = folder.path.name, folder.path.parent
    return run_recipe(recipe, data=given.data, name=name, root=root, console=console, **objects)
