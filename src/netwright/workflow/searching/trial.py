"""One candidate trained and judged on the validation split, and on nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from netwright import _random
from netwright._errors import NonFinite, OutOfMemory, must_be
from netwright.runs.recipe import Recipe
from netwright.train.loop import Loop
from netwright.tune.search import BROKEN
from netwright.tune.trials import Outcome
from netwright.workflow.build import (
    build_early_stopping,
    build_method,
    build_on_plateau,
    make_optimizers,
    schedule_of,
    settings_of,
)
from netwright.workflow.initialising import start_weights
from netwright.workflow.restarting import restarts_of
from netwright.workflow.session import Session

__all__ = ["recipe_of", "train_trial"]


def recipe_of(recipe: Recipe, cell: Sequence[str]) -> Recipe:
    """The recipe with a cell in its network."""
    return recipe.with_fields({"model.cell": list(cell)})


def train_trial(session: Session, cell: Sequence[str]) -> Outcome:
    """Train the session's recipe with another cell, from weights of its own.

    The test split is never looked at, and nothing is written. A training that breaks down, on
    numbers that are not finite or for want of memory, is an outcome too.

    Args:
        session: opened with some cell; its data are read once for all trials.
        cell: the operations of the trial's cell.
    """
    recipe = recipe_of(session.recipe, cell)
    began = time.process_time()
    facts: Mapping[str, Any] = {}
    try:
        with _random.isolated(_random.derive(recipe.seed, "trial")):
            loop = _loop(session, recipe)
            facts = {"parameters": sum(one.numel() for one in loop.method.parameters())}
            loop.run()
        score = loop.best.score
        loop.release()
        why = "" if score is not None else "the validation gave no number"
    except (NonFinite, OutOfMemory) as error:
        score, why = None, str(error)
    return Outcome(
        score=BROKEN if score is None or math.isnan(score) else score,
        seconds=time.process_time() - began,
        broken=why,
        facts=facts,
    )


def _loop(session: Session, recipe: Recipe) -> Loop:
    prepared = session.prepared
    if "val" not in prepared.splits:
        raise must_be("split.val", "above 0: a search goes by it", recipe.split.val)
    method = build_method(recipe, task=prepared.task, input_shape=prepared.input_shape)
    start_weights(method, recipe, prepared=prepared)
    return Loop(
        method,
        {"train": prepared.train_source(recipe)},
        make_optimizer=make_optimizers(recipe, method),
        settings=settings_of(recipe),
        schedule=schedule_of(recipe),
        held_out=prepared.held_out("val", session.device),
        device=session.device,
        controllers=[
            *build_early_stopping(recipe.training, method),
            *build_on_plateau(recipe, method),
        ],
        restarts=restarts_of(session),
    )
