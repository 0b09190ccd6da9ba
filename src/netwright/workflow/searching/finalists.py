"""The winners of searches, trained anew with seeds of their own and judged once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from netwright.runs.finished import is_finished
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.workflow.one_of_several import carried_on
from netwright.workflow.run import Run
from netwright.workflow.searching.result import Found
from netwright.workflow.searching.trial import recipe_of
from netwright.workflow.session import Given

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["judged"]


def judged(
    found: Mapping[str, Found],
    *,
    folder: RunFolder,
    recipe: Recipe,
    metric: str,
    seeds: int,
    given: Given,
    trust: bool,
    console: Console,
) -> tuple[str, dict[str, Found]]:
    """The split that judged, and what was found with the figures of runs that it did not choose.

    Two searches that found the same way to write a cell share its runs. A run that ended before is
    not trained again.

    Args:
        found: by search.
        folder: of the search; the runs are in it.
        recipe: of the trials.
        metric: whose figure is taken.
        seeds: how many runs of each; those after the recipe's own.
        given: objects in place of what the recipe names.
        trust: run the Python files that the recipe names.
        console: where progress is drawn.

    Raises:
        KeyboardInterrupt: a run was interrupted, which ends with what it has and no figures.
    """
    runs: dict[tuple[str, ...], list[Run]] = {}
    split, result = "", {}
    for name, one in found.items():
        if one.cell is None:
            result[name] = one
            continue
        if one.cell not in runs:
            runs[one.cell] = [
                _whole(
                    carried_on(
                        RunFolder(folder.path / f"{name}-best-{number}"),
                        recipe_of(recipe, one.cell).with_fields({"seed": recipe.seed + number}),
                        given=given,
                        trust=trust,
                        console=console,
                    )
                )
                for number in range(1, seeds + 1)
            ]
        trained = runs[one.cell]
        split = "test" if trained[0].folder.has("evaluation/test.json") else "val"
        result[name] = replace(
            one,
            runs=tuple(run.name for run in trained),
            judged=tuple(run.metrics[metric] for run in trained),
        )
    return split, result


def _whole(run: Run) -> Run:
    if not is_finished(run.folder):
        raise KeyboardInterrupt
    return run
