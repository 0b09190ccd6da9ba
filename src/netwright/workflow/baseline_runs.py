"""A trained run's answers for the test split that classical models are judged on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from netwright._errors import BadData, must_be
from netwright.data.streams.held_out import held_out
from netwright.metrics.base import Prediction
from netwright.runs.recipe import Recipe
from netwright.runs.store import events
from netwright.train.precision import choose_precision
from netwright.train.validation import predict_all
from netwright.workflow.asked import as_trained
from netwright.workflow.prepare import JUDGED_BATCH, Prepared
from netwright.workflow.run import Run

__all__ = ["RunBeside", "run_beside"]


@dataclass(frozen=True, kw_only=True)
class RunBeside:
    """What a run answers, and what it took.

    Attributes:
        name: of the run.
        model: of its recipe.
        prediction: of the test split.
        fit_seconds: of its training; None where the record does not say.
        predict_seconds: to answer for the test split, on the processor.
    """

    name: str
    model: str
    prediction: Prediction
    fit_seconds: float | None
    predict_seconds: float


def run_beside(run: Run, prepared: Prepared, *, recipe: Recipe) -> RunBeside:
    """The run's answers for the test split.

    Raises:
        BadData: it was trained on other data, or on another split of them.
    """
    if run.recipe.data.fingerprint != recipe.data.fingerprint:
        raise must_be("beside", "a run on these data, read as here", run.name, error=BadData)
    if run.recipe.split != recipe.split:
        fix = "It learned from examples that would judge it: leave the split as it is."
        raise must_be("split", f"that of {run.name}", recipe.split.model_dump(), fix, error=BadData)
    batches = held_out(
        as_trained(run, prepared.data),
        None,
        index=prepared.splits["test"],
        batch_size=JUDGED_BATCH,
        preprocess=run.preprocess,
        workers=prepared.workers,
    )
    precision = choose_precision(run.recipe.training.precision, torch.device("cpu"))
    begin = time.perf_counter()
    prediction = predict_all(run.method, batches, precision=precision).prediction
    seconds = time.perf_counter() - begin
    part = run.recipe.model or run.recipe.method
    return RunBeside(
        name=run.name,
        model=part.name,
        prediction=prediction,
        fit_seconds=_fit_seconds(run),
        predict_seconds=seconds,
    )


def _fit_seconds(run: Run) -> float | None:
    found = [event.get("clock", {}).get("seconds") for event in events(run.folder.path, "ended")]
    known = [seconds for seconds in found if seconds is not None]
    return sum(known) if known else None
