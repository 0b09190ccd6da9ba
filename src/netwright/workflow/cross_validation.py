"""Cross-validation: every example judged once by a model that has not seen it, a run a fold."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from netwright._errors import BadType, DamagedRun, must_be
from netwright.data.dataset import Data
from netwright.data.folds import leave_one_out_count
from netwright.data.split import chosen_kind
from netwright.evaluate.cross_validation import (
    FoldFigures,
    HeldOutPart,
    fold_figures,
    pooled,
)
from netwright.methods.base import Method, Prediction
from netwright.report.folds import write_folds_report
from netwright.runs.finished import is_finished
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.workflow.build import resolved_path
from netwright.workflow.fit import terminal
from netwright.workflow.launch import launched_rank
from netwright.workflow.loaders import are_loaders
from netwright.workflow.one_of_several import carried_on, new_place
from netwright.workflow.prepare import divide_data, fingerprint
from netwright.workflow.run import Run
from netwright.workflow.session import Given, read_data
from netwright.workflow.wishes import wished

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LEAVE_ONE_OUT", "PLAN", "CrossValidation", "cross_validate"]
__all__ += ["cross_validate_recipe", "go_on"]

LEAVE_ONE_OUT = "leave-one-out"
PLAN, SUMMARY, ANSWERS = "plan.json", "summary.json", "out-of-fold.safetensors"
LONG = 120.0  # seconds still to go from which on it is said how long it will take
DEPENDENT = (
    "Folds share most of what they learn from, so they are not independent: sd/√k is no standard "
    "error of the mean."
)


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What came out of a cross-validation.

    Attributes:
        path: its folder, with a run a fold in it.
        runs: names of the folds' runs that ended.
        of: how many there are to be.
        figures: by metric; empty while folds are missing.
        notes: what has to be known to read them.
    """

    path: Path
    runs: tuple[str, ...]
    of: int
    figures: Mapping[str, FoldFigures]
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every fold ended."""
        return len(self.runs) == self.of

    def to_json(self) -> dict[str, Any]:
        """As `summary.json` holds it."""
        return {
            "path": str(self.path),
            "runs": list(self.runs),
            "of": self.of,
            "figures": {name: one.to_json() for name, one in self.figures.items()},
            "notes": list(self.notes),
        }


def cross_validate(
    data: Any,
    *,
    folds: int | str = 5,
    repeats: int = 1,
    hold_back: float = 0.0,
    model: str | nn.Module | None = None,
    method: str | Method | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    changes: Sequence[str] = (),
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> CrossValidation:
    """Train on all folds but one, judge on that one, for each in turn.

    Folds are cut by what the data allow, as a split is: in the order of time, by whole groups, by
    class. Everything that is fitted (preprocessing, encoding, weights) is fitted on each fold's
    training part alone. Each fold is a run of its own that can be reported, compared and repeated.

    Args:
        data: whatever `fit` takes and can be read by index.
        folds: how many, or "leave-one-out": one example (or one group) at a time.
        repeats: how often the folds are cut anew, each time with another seed of the training.
        hold_back: share that no fold sees, for a last judgement of what was chosen.
        model: as for `fit`; an object begins each fold anew.
        method: likewise.
        epochs: passes over each training part.
        seed: of the first repeat's training.
        device: "auto", "cpu", "cuda", ….
        changes: any field of the recipe, as "path.to.field=value".
        name: of the folder; the data's name, `cv` and a number where it is left out.
        root: folder of all runs.
        console: where progress is drawn.

    Raises:
        NetwrightError: one sentence on what can't be used, and the way out.
    """
    fields: dict[str, Any] = {"training.epochs": epochs, "seed": seed, "device": device}
    fields["split.test"] = hold_back
    recipe, given = wished(data, model=model, method=method, fields=fields, changes=changes)
    return cross_validate_recipe(
        recipe, folds=folds, repeats=repeats, given=given, name=name, root=root, console=console
    )


def cross_validate_recipe(
    recipe: Recipe,
    *,
    folds: int | str = 5,
    repeats: int = 1,
    given: Given | None = None,
    name: str | None = None,
    root: str | os.PathLike[str] = "runs",
    console: Console | None = None,
) -> CrossValidation:
    """Cross-validate a recipe; its `split.test` is held back from all folds."""
    given = given or Given()
    if launched_rank() or recipe.split.fold is not None:
        raise must_be(
            "cross-validation",
            "started in one process, of a recipe that names no fold",
            recipe.split.fold,
        )
    if are_loaders(given.data):
        raise must_be(
            "data", "a set that can be divided", "a DataLoader", "Give its dataset.", error=BadType
        )
    data = read_data(recipe, given)
    if data.target.parts:
        raise must_be(
            "cross-validation",
            "of one target",
            ", ".join(data.target.names),
            "Its folds are pooled by metrics of one; name one target, or hold a part back.",
        )
    count = _checked_count(data, recipe, folds=folds, repeats=repeats)
    # who goes on with it must find the same examples, wherever that is done
    pinned = recipe.with_fields(
        {"data.fingerprint": fingerprint(data), "data.name": resolved_path(recipe.data.name)}
    )
    place = new_place(Path(root), name=name, called=f"{data.name}-cv")
    place.write_json(PLAN, {"folds": count, "repeats": repeats, "recipe": pinned.plain()})
    return _carry_out(place, given, trust=False, console=console)


def go_on(
    path: str | os.PathLike[str],
    *,
    data: Any = None,
    model: nn.Module | None = None,
    method: Method | None = None,
    trust: bool = False,
    console: Console | None = None,
) -> CrossValidation:
    """Go on with a cross-validation that was interrupted; folds that ended are not trained again.

    Args:
        path: its folder.
        data: what was given, where that was no path and no name.
        model: the module that was given, untrained.
        method: likewise.
        trust: run the Python files that the recipe names.
        console: where progress is drawn.
    """
    place = RunFolder(Path(path))
    if not place.has(PLAN):
        raise DamagedRun(f"path must be the folder of a cross-validation, got {str(path)!r}.")
    given = Given(data=data, model=model, method=method)
    return _carry_out(place, given, trust=trust, console=console)


def _checked_count(data: Data, recipe: Recipe, *, folds: int | str, repeats: int) -> int:
    """How many folds there are; refuses what no fold could do."""
    if repeats < 1:
        raise must_be("repeats", "at least 1", repeats)
    if isinstance(folds, str):
        if folds != LEAVE_ONE_OUT:
            raise must_be("folds", f"a number, or {LEAVE_ONE_OUT}", folds)
        if repeats > 1:
            raise must_be("repeats", "1 where one example is left out at a time", repeats)
        among = divide_data(data, _without_val(recipe))["train"]
        folds = leave_one_out_count(data, among, kind=chosen_kind(data, recipe.split.kind))
    if folds < 2:
        raise must_be("folds", f"at least 2, or {LEAVE_ONE_OUT}", folds)
    divide_data(data, _of_fold(recipe, count=folds, number=1, repeat=repeats))
    return folds


def _without_val(recipe: Recipe) -> Recipe:
    return recipe.with_fields({"split.val": 0.0, "split.calibration": 0.0})


def _of_fold(recipe: Recipe, *, count: int, number: int, repeat: int) -> Recipe:
    fold = {"number": number, "of": count, "repeat": repeat}
    return recipe.with_fields({"split.fold": fold, "seed": recipe.seed + repeat - 1})


def _carry_out(
    place: RunFolder, given: Given, *, trust: bool, console: Console | None
) -> CrossValidation:
    plan = place.read_json(PLAN)
    recipe = Recipe.parse(plan["recipe"])
    count, repeats = plan["folds"], plan["repeats"]
    console = console or terminal()
    wanted = [(repeat, fold) for repeat in range(1, repeats + 1) for fold in range(1, count + 1)]
    ended: list[Run] = []
    clock = _Clock(len(wanted), say=console.print)
    for repeat, fold in wanted:
        name = _fold_name(repeat, fold, count=count, repeats=repeats)
        own = _of_fold(recipe, count=count, number=fold, repeat=repeat)
        folder = RunFolder(place.path / name)
        there = folder.has("recipe.yaml") and is_finished(folder)
        try:
            run = carried_on(folder, own, given=given, trust=trust, console=console)
        except KeyboardInterrupt:  # between two folds: training itself ends with what it has
            console.print(f"note: go on with: netwright resume {place.path}", soft_wrap=True)
            raise
        (clock.skip if there else clock.tick)()
        if not is_finished(run.folder):  # interrupted
            break
        ended.append(run)
    whole = len(ended) == len(wanted)
    runs = tuple(run.name for run in ended)
    found = CrossValidation(path=place.path, runs=runs, of=len(wanted), figures={})
    if whole:
        figures, notes = _summary(place, ended, count=count, repeats=repeats)
        found = replace(found, figures=figures, notes=notes)
        place.write_json(SUMMARY, found.to_json())
        write_folds_report(place, found.to_json())
    return found


class _Clock:
    """Says once, after the first fold, how long the others will take."""

    def __init__(self, count: int, *, say: Callable[[str], None]) -> None:
        self._left, self._say = count, say
        self._began: float | None = time.monotonic()

    def skip(self) -> None:
        """A fold that had ended before."""
        self._left -= 1
        if self._began is not None:
            self._began = time.monotonic()

    def tick(self) -> None:
        """A fold that was trained."""
        self._left -= 1
        if self._began is None:
            return
        to_go = self._left * (time.monotonic() - self._began)
        self._began = None
        if to_go > LONG:
            self._say(
                f"note: {self._left} folds to go, about {to_go / 60:.0f} minutes. Ctrl-C ends it; "
                "netwright resume goes on."
            )


def _fold_name(repeat: int, fold: int, *, count: int, repeats: int) -> str:
    number = f"fold-{fold:0{len(str(count))}d}"
    return number if repeats == 1 else f"repeat-{repeat:0{len(str(repeats))}d}-{number}"


def _summary(
    place: RunFolder, runs: Sequence[Run], *, count: int, repeats: int
) -> tuple[dict[str, FoldFigures], tuple[str, ...]]:
    records = [run.folder.read_json("evaluation/test.json") for run in runs]
    about = [run.folder.read_json("data.json")["splits"] for run in runs]
    sizes = [(one["train"]["n"], one["test"]["n"]) for one in about]
    parts = [_held_out(run) for run in runs]
    together = [_joined(parts[start : start + count]) for start in range(0, count * repeats, count)]
    _write_answers(place, together)
    found = pooled(together, runs[-1].method.judged_by, kind=runs[-1].state["target"]["kind"])
    named = list(dict.fromkeys([*records[0]["metrics"], *found]))
    figures = {}
    for name in named:
        values = [_value(record["metrics"].get(name)) for record in records]
        one = fold_figures(values, sizes=sizes, repeats=repeats)
        figures[name] = replace(one, pooled=found.get(name))
    return figures, _notes(figures, repeats=repeats)


def _notes(figures: Mapping[str, FoldFigures], *, repeats: int) -> tuple[str, ...]:
    notes = [DEPENDENT]
    if repeats > 1:
        notes.append("Intervals of the mean are Nadeau and Bengio's, which allow for that.")
    partly = [name for name, one in figures.items() if any(value is None for value in one.values)]
    if partly:
        notes.append(
            f"Some folds hold out too little to define {', '.join(partly)}: read the pooled figure."
        )
    return tuple(notes)


def _value(estimate: Mapping[str, Any] | None) -> float | None:
    return None if estimate is None else float(estimate["value"])


def _held_out(run: Run) -> HeldOutPart:
    tensors = run.folder.read_tensors("evaluation/test.safetensors")
    prediction = Prediction(
        outputs=tensors["outputs"],
        probabilities=tensors.get("probabilities"),
        logits=tensors.get("logits"),
        deviations=tensors.get("deviations"),
    )
    return HeldOutPart(prediction=prediction, targets=tensors["targets"], index=tensors["index"])


def _joined(parts: Sequence[HeldOutPart]) -> HeldOutPart:
    def joined(tensors: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
        given = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(given) if given else None

    prediction = Prediction(
        outputs=joined([part.prediction.outputs for part in parts]),
        probabilities=joined([part.prediction.probabilities for part in parts]),
        logits=joined([part.prediction.logits for part in parts]),
        deviations=joined([part.prediction.deviations for part in parts]),
    )
    targets = torch.cat([part.targets for part in parts])
    return HeldOutPart(
        prediction=prediction, targets=targets, index=torch.cat([part.index for part in parts])
    )


def _write_answers(place: RunFolder, repeats: Sequence[HeldOutPart]) -> None:
    tensors: dict[str, torch.Tensor] = {}
    for number, part in enumerate(repeats, start=1):
        found = {
            "outputs": part.prediction.outputs,
            "probabilities": part.prediction.probabilities,
            "targets": part.targets,
            "index": part.index,
        }
        tensors |= {f"repeat-{number}.{k}": v for k, v in found.items() if v is not None}
    place.write_tensors(ANSWERS, tensors)
