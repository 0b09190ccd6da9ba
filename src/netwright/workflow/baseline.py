"""Classical models on a data set, beside a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Entry, is_file_target
from netwright._errors import BadData, NetwrightError, must_be, offenders
from netwright.evaluate.baselines.budget import Budget, NotAffordable
from netwright.evaluate.baselines.catalogue import BASELINES, family_of
from netwright.evaluate.baselines.examples import Parts
from netwright.evaluate.baselines.family import NoCounterpart, serves
from netwright.evaluate.baselines.outcome import Outcome, SideBySide
from netwright.evaluate.baselines.search import Fitted, fit_family, selection_metric
from netwright.evaluate.baselines.simplest import losses_to_the_best, simplest_of
from netwright.evaluate.hold_out import judge
from netwright.metrics.base import Prediction
from netwright.runs.disk_space import parse_space
from netwright.runs.recipe import Recipe
from netwright.workflow.baseline_inputs import RAW, Inputs, network_inputs, raw_inputs
from netwright.workflow.baseline_runs import RunBeside, run_beside
from netwright.workflow.build import GIVEN, resolved_path
from netwright.workflow.loaders import are_loaders
from netwright.workflow.run import Run, load
from netwright.workflow.session import Given, opened_and_prepared

if TYPE_CHECKING:
    from netwright.workflow.prepare import Prepared

__all__ = ["baseline"]

Tell = Callable[[str], None]
"""Takes a line on what is being done."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    outcome: Outcome
    prediction: Prediction
    rank: int


def baseline(
    data: Any = None,
    *,
    features: str | os.PathLike[str] | None = None,
    beside: str | os.PathLike[str] | None = None,
    only: Sequence[str] = (),
    target: str | None = None,
    changes: Sequence[str] = (),
    seconds: float = 60.0,
    memory: str = "2 GB",
    tolerance: float = 0.0,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
    tell: Tell | None = None,
) -> SideBySide:
    """Fit scikit-learn's classical models and name the simplest that does the job.

    The splits, the preprocessing (fitted on the training split), the metrics and their intervals
    are those of a run of the same recipe. Each model is chosen from a small grid by the validation
    split and judged once on the test split. The simplest that does the job is the first, in the
    order of the catalogue, whose paired 95 % interval to the best holds no loss or one of at most
    `tolerance`; a network is the last in that order.

    Args:
        data: as `fit` takes it, but for loaders; None takes what the run beside was trained on.
        features: a run, a name of `netwright data` (`resnet18`) or of the catalogue of models
            (`torchvision:resnet18`): the models are fitted on its penultimate activations too.
        beside: a run on the same data, whose recipe then decides splits and preprocessing.
        only: names of the catalogue, or `file.py:NAME` of a `Family` of one's own; the whole
            catalogue where there are none.
        target: column of a table.
        changes: any field of the recipe, as "path.to.field=value".
        seconds: that each model may take, about; one that would take more is fitted on a part of
            the training examples, or left out, and both are said.
        memory: that the columns of a model may take, likewise.
        tolerance: loss of the metric that does no harm.
        trust: run the Python files that a run's recipe names.
        root: folder of all runs.
        tell: is told what is being fitted.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    entries = _chosen(only)
    budget = Budget(seconds=seconds, memory=parse_space(memory))
    tell = tell or (lambda _: None)
    deep = None if beside is None else load(beside, trust=trust, root=root)
    source = None if features is None else _network(features, trust=trust, root=root)
    leader = deep or (source if isinstance(source, Run) else None)
    recipe = _recipe(data, leader, target=target, changes=changes, must=deep is not None)
    name, prepared, recipe = _opened(data, recipe)
    tell(f"{name}: reading")
    inputs = [raw_inputs(prepared, memory=budget.memory, seed=recipe.seed)]
    if source is not None:
        tell(f"{name}: features of {features}")
        inputs.append(network_inputs(source, prepared, recipe=recipe, memory=budget.memory))
    parts = inputs[0].parts
    fitted, skipped = _fitted(inputs, entries, budget=budget, seed=recipe.seed, tell=tell)
    judged = [_judged(one, parts, recipe.seed) for one in fitted]
    if deep is not None:
        judged.append(
            _judged_run(run_beside(deep, prepared, recipe=recipe), parts, seed=recipe.seed)
        )
    if not judged:
        why = offenders(f"{one}: {reason}" for one, reason in skipped.items())
        raise must_be("baselines", "one at least that can be fitted", why, error=BadData)
    return _side_by_side(judged, parts, name=name, skipped=skipped, tolerance=tolerance)


def _chosen(only: Sequence[str]) -> list[Entry]:
    """In the order of the catalogue; one's own come last."""
    own = [BASELINES.entry(name) for name in only if is_file_target(name)]
    names = [name for name in only if not is_file_target(name)]
    for name in names:
        BASELINES.entry(name)  # refuses what is not there
    return [entry for entry in BASELINES if not only or entry.name in names] + own


def _network(
    features: str | os.PathLike[str], *, trust: bool, root: str | os.PathLike[str]
) -> Run | str:
    """A run where there is one of that name, else a network's name."""
    from netwright.runs.store import RunFolder

    try:
        folder = RunFolder.find(features, root=root)
    except NetwrightError:
        return os.fspath(features)
    return load(folder, trust=trust, root=root)


def _recipe(
    data: Any, leader: Run | None, *, target: str | None, changes: Sequence[str], must: bool
) -> Recipe:
    """The leading run's, if it is of these data; else a new one.

    Args:
        data: that were given.
        leader: a run beside or of the features.
        target: column of a table.
        changes: of the recipe.
        must: the run's data are the only ones that will do.
    """
    named = isinstance(data, (str, os.PathLike))
    asked = GIVEN if data is not None and not named else None if data is None else os.fspath(data)
    if leader is None and asked is None:
        raise must_be("DATA", "given, or a run with --beside", None, "netwright baseline digits")
    fields = {} if target is None else {"data.target": target}
    if leader is not None:
        own = leader.recipe.data.name
        if asked is None or resolved_path(asked) == own or own == GIVEN:
            return leader.recipe.with_fields(fields).changed(changes)
        if must:
            fix = f"Leave DATA out, or train on it: netwright train {asked}"
            raise must_be("DATA", f"what the run beside was trained on ({own})", asked, fix)
    return Recipe.parse({"data": {"name": asked}}).with_fields(fields).changed(changes)


def _opened(data: Any, recipe: Recipe) -> tuple[str, Prepared, Recipe]:
    if are_loaders(data):
        raise must_be("data", "data that can be read by index", "a DataLoader", "Give its dataset.")
    if data is None or isinstance(data, (str, os.PathLike)):
        if recipe.data.name == GIVEN:
            raise must_be("data", "given again: the run's came from Python", None)
        data = None
    name, prepared, recipe = opened_and_prepared(recipe, Given(data=data))
    kind = prepared.task.kind
    if not serves(kind):
        fix = "Give data.kind=real to compare with models of the mean."
        raise must_be("data.kind", "one that classical models are here for", kind, fix)
    for split in ("val", "test"):
        if split not in prepared.splits:
            fix = f"--set split.{split}=0.2"
            raise must_be("split", f"one with a {split} part", sorted(prepared.splits), fix)
    return name, prepared, recipe


def _fitted(
    inputs: Sequence[Inputs], entries: Sequence[Entry], *, budget: Budget, seed: int, tell: Tell
) -> tuple[list[tuple[int, str, str, Fitted]], dict[str, str]]:
    """Rank, name, inputs and what was fitted; and what was left out, with the reason."""
    fitted, skipped = [], {}
    for group, given in enumerate(inputs):
        for place, entry in enumerate(entries):
            called = entry.name if given.name == RAW else f"{entry.name} on {given.name}"
            if given.name != RAW and entry.name == "constant":
                continue  # it looks at no inputs
            tell(called)
            try:
                made = fit_family(family_of(entry), given.parts, budget=budget, seed=seed)
            except (NoCounterpart, NotAffordable, ValueError) as reason:
                skipped[called] = " ".join(str(reason).split())
                continue
            fitted.append((group * len(entries) + place, entry.name, given.name, made))
    return fitted, skipped


def _judged(one: tuple[int, str, str, Fitted], parts: Parts, seed: int) -> _Judged:
    rank, name, inputs, made = one
    judgement = judge(
        made.prediction, parts.test.targets, kind=parts.kind, names=parts.names, seed=seed
    )
    outcome = Outcome(
        name=name,
        inputs=inputs,
        metrics=judgement.metrics,
        undefined=judgement.undefined,
        validation=made.validation,
        chosen=made.chosen,
        n_train=made.n_train,
        choose_seconds=made.choose_seconds,
        fit_seconds=made.fit_seconds,
        predict_seconds=made.predict_seconds,
        notes=made.notes,
    )
    return _Judged(outcome=outcome, prediction=made.prediction, rank=rank)


def _judged_run(run: RunBeside, parts: Parts, *, seed: int) -> _Judged:
    judgement = judge(
        run.prediction, parts.test.targets, kind=parts.kind, names=parts.names, seed=seed
    )
    outcome = Outcome(
        name=run.name,
        inputs=RAW,
        metrics=judgement.metrics,
        undefined=judgement.undefined,
        chosen={"model": run.model},
        n_train=parts.n_train,
        fit_seconds=run.fit_seconds,
        predict_seconds=run.predict_seconds,
    )
    return _Judged(outcome=outcome, prediction=run.prediction, rank=10_000)


def _side_by_side(
    judged: Sequence[_Judged],
    parts: Parts,
    *,
    name: str,
    skipped: Mapping[str, str],
    tolerance: float,
) -> SideBySide:
    called, metric = selection_metric(parts)
    predictions = [one.prediction for one in judged]
    _, losses = losses_to_the_best(predictions, parts.test.targets, metric=metric)
    simplest = simplest_of(losses, [one.rank for one in judged], tolerance=tolerance)
    order = sorted(range(len(judged)), key=lambda place: (losses[place].value, judged[place].rank))
    return SideBySide(
        data=name,
        metric=called,
        higher_is_better=metric.higher_is_better,
        n_test=len(parts.test),
        outcomes=tuple(replace(judged[place].outcome, loss=losses[place]) for place in order),
        skipped=skipped,
        order=tuple(one.outcome.name for one in sorted(judged, key=lambda one: one.rank)),
        simplest=order.index(simplest),
        tolerance=tolerance,
    )
