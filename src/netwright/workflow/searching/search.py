"""Search for the cell of a network: trials by validation, the winners trained anew and judged."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright._catalogue import only_installed
from netwright._errors import BadValue, DamagedRun, must_be
from netwright.data.dataset import InputKind
from netwright.runs.lock import writing
from netwright.runs.recipe import Named, Recipe
from netwright.runs.store import RunFolder
from netwright.tune.catalogue import create
from netwright.tune.study import conduct
from netwright.tune.trials import Outcome, Trial
from netwright.workflow.fit import terminal
from netwright.workflow.launch import is_launched
from netwright.workflow.loaders import are_loaders
from netwright.workflow.one_of_several import new_place
from netwright.workflow.searching.compared import compared
from netwright.workflow.searching.finalists import judged
from netwright.workflow.searching.plan import SearchPlan
from netwright.workflow.searching.result import SearchResult, figures_of
from netwright.workflow.searching.trial import train_trial
from netwright.workflow.searching.written import write_best, write_trials
from netwright.workflow.session import Given, Session, open_session, read_data
from netwright.workflow.wishes import wished

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["PLAN", "go_on", "search", "search_recipe"]

PLAN, SUMMARY = "search.json", "summary.json"
NETWORK = "cell-network"


def search(
    data: Any,
    *,
    by: str | Mapping[str, Any] = "evolution",
    budget: int | None = None,
    seconds: float | None = None,
    seeds: int = 3,
    alone: bool = False,
    nodes: int = 4,
    operations: Sequence[str] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    changes: Sequence[str] = (),
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> SearchResult:
    """Search for the cell of a `cell-network`, on the validation split.

    Each trial trains the recipe with another cell. The best cell is then trained anew with seeds
    that the search has not seen and judged once on the test split, beside the best of a random
    search at the same cost. `best.yaml` in its folder is the recipe of the winner.

    Args:
        data: pictures: whatever `fit` takes.
        by: random, evolution or controller; or a mapping of `name` and the options of the search.
        budget: how many cells each search trains; 20 where neither this nor `seconds` is given.
        seconds: processor time that the trainings of each search may take.
        seeds: with how many the winner is trained anew.
        alone: leave out the random search beside it, which costs as much again.
        nodes: of a cell, input and output among them.
        operations: that its edges may have; None for all that `cell-network` knows.
        epochs: passes over the training split, of trials and of the winner.
        seed: of the search and of every trial.
        device: "auto", "cpu", "cuda", ….
        changes: any field of the recipe, as "path.to.field=value".
        name: of the folder; the data's name, `search` and a number where it is left out.
        root: folder of all runs.
        console: where progress is drawn.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    plan = SearchPlan(
        by=by,
        trials=budget,
        seconds=seconds,
        seeds=seeds,
        alone=alone,
        nodes=nodes,
        operations=operations,
    )
    fields = {"training.epochs": epochs, "seed": seed, "device": device}
    recipe, given = wished(data, model=None, method=None, fields=fields, changes=changes)
    return search_recipe(recipe, plan, given=given, name=name, root=root, console=console)


def search_recipe(
    recipe: Recipe,
    plan: SearchPlan,
    *,
    given: Given | None = None,
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> SearchResult:
    """Search with a recipe, whose model is `cell-network` or left out."""
    given = given or Given()
    _refuse(recipe)
    session = _opened(recipe, plan, given)
    folder = new_place(Path(root), name=name, called=f"{session.name}-search")
    content = asdict(plan) | {"by": plan.named.model_dump(), "recipe": session.recipe.plain()}
    folder.write_json(PLAN, content)
    return _carry_out(folder, plan, session, given=given, trust=False, console=console)


def go_on(
    path: str | os.PathLike[str],
    *,
    data: Any = None,
    trust: bool = False,
    console: Console | None = None,
) -> SearchResult:
    """Go on with a search that was interrupted or killed, exactly as if it never had been.

    Args:
        path: its folder.
        data: what was given, where that was no path and no name.
        trust: run the Python files that the recipe names.
        console: where progress is drawn.
    """
    folder = RunFolder(Path(path))
    if not folder.has(PLAN):
        raise DamagedRun(f"path must be the folder of a search, got {str(path)!r}.")
    content = folder.read_json(PLAN)
    given = Given(data=data)
    with only_installed(unless=trust):
        recipe = Recipe.parse(content.pop("recipe"))
        plan = SearchPlan(**content)
        session = open_session(recipe, given)
        return _carry_out(folder, plan, session, given=given, trust=trust, console=console)


def _refuse(recipe: Recipe) -> None:
    if is_launched():
        raise must_be("search", "started in one process", "several")
    if recipe.ensemble is not None:
        raise must_be("ensemble", "left out of a search", recipe.ensemble.kind)
    model = recipe.model
    if model is not None and model.name != NETWORK:
        raise must_be("model", f"{NETWORK}, whose cell is searched for, or left out", model.name)
    if model is not None and "cell" in model.options:
        raise must_be("model.cell", "left out, as it is searched for", model.options["cell"])


def _opened(recipe: Recipe, plan: SearchPlan, given: Given) -> Session:
    """Everything read and checked once, with some cell in the network's place."""
    some = plan.space.sample(random.Random(0))
    model = recipe.model or Named(name=NETWORK)
    whole = Named.model_validate(model.model_dump() | {"cell": list(some)})
    try:
        session = open_session(recipe.model_copy(update={"model": whole}), given)
    except BadValue:
        _refuse_rows(recipe, given)
        raise
    if "val" not in session.prepared.splits:
        raise must_be("split.val", "above 0, as a search goes by it", recipe.split.val)
    return session


def _refuse_rows(recipe: Recipe, given: Given) -> None:
    if are_loaders(given.data):
        return
    data = read_data(recipe, given)
    if data.input_kind is not InputKind.IMAGE:
        raise must_be("data", "pictures, as cells are made of convolutions", data.name) from None


def _carry_out(
    folder: RunFolder,
    plan: SearchPlan,
    session: Session,
    *,
    given: Given,
    trust: bool,
    console: Console | None,
) -> SearchResult:
    console = console or terminal()
    metric, measure = next(iter(session.method.judged_by().items()))
    sign = 1.0 if measure.higher_is_better else -1.0
    try:
        with writing(folder.path):
            trials = _searched(folder, plan, session, sign=sign, console=console)
            found = {name: figures_of(name, one, sign=sign) for name, one in trials.items()}
            write_trials(folder, trials, sign=sign)
            write_best(folder, session.recipe, found=found)
            split, found = judged(
                found,
                folder=folder,
                recipe=session.recipe,
                metric=metric,
                seeds=plan.seeds,
                given=given,
                trust=trust,
                console=console,
            )
    except KeyboardInterrupt:
        console.print(f"note: go on with: netwright resume {folder.path}", soft_wrap=True)
        raise
    result = compared(folder, plan, found=found, metric=metric, judged_on=split, sign=sign)
    folder.write_json(SUMMARY, result.to_json())
    return result


def _searched(
    folder: RunFolder, plan: SearchPlan, session: Session, *, sign: float, console: Console
) -> dict[str, list[Trial]]:
    """The trials of each search; what an earlier one trained is not trained again, but counts."""
    trials: dict[str, list[Trial]] = {}
    known: dict[str, Outcome] = {}
    space, seed = plan.space, session.recipe.seed
    for name, part in plan.searches.items():
        trials[name] = conduct(
            create(part.name, space, seed=seed, **part.options),
            space,
            evaluate=lambda cell: train_trial(session, cell),
            budget=plan.budget,
            folder=folder.path / name,
            known=known,
            say=_teller(name, console, sign=sign),
        )
        known |= {space.key(one.candidate): one.outcome for one in trials[name]}
    return trials


def _teller(name: str, console: Console, *, sign: float) -> Callable[[Trial], None]:
    """Says each training in a line; an answer from the record is not worth one."""

    def tell(trial: Trial) -> None:
        if trial.repeats is None:
            outcome = trial.outcome
            told = outcome.broken or f"{sign * outcome.score:.4g}"
            console.print(
                f"{name} {trial.number}: {told} in {outcome.seconds:.1f} s  "
                f"{' '.join(trial.candidate)}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    return tell
