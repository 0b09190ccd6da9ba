"""One run of several that belong together: a member, a fold, a finalist."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright._errors import must_be
from netwright.runs.finished import is_finished
from netwright.runs.recipe import Recipe
from netwright.runs.store import EVENTS, RunFolder
from netwright.workflow.fit import resume, run_recipe
from netwright.workflow.run import Run, load
from netwright.workflow.session import Given

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["carried_on", "new_place"]


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


def new_place(root: Path, *, name: str | None, called: str) -> RunFolder:
    """A folder for several runs, which is no run itself: `called-1`, `called-2`, ….

    Args:
        root: folder of all runs.
        name: of the folder, which must not be taken; None numbers it.
        called: what a numbered one is called.
    """
    if name is not None:
        if not re.fullmatch(r"[^./\\\0\n][^/\\\0\n]*", name):
            raise must_be("name", "a folder's name, without slashes", name)
        if (root / name).exists():
            raise must_be("name", "one that is not taken", name, "Or go on: netwright resume.")
        (root / name).mkdir(parents=True)
        return RunFolder(root / name)
    number = 1
    while True:
        path = root / f"{called}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return RunFolder(path)
