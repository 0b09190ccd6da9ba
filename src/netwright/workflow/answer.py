"""A trained run asked about new data: answers without labels, figures with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from netwright._errors import must_be
from netwright.evaluate.calibration import Calibration, reliability
from netwright.evaluate.costs import ABSTAIN, Costs, CostTable
from netwright.methods.base import Prediction, Task
from netwright.metrics.probabilities import class_probabilities
from netwright.train.precision import choose_device, choose_precision
from netwright.train.validation import predict_all
from netwright.workflow.asked import ask, batches_of, open_asked, open_unlabelled, unlabelled
from netwright.workflow.calibration import calibration_of
from netwright.workflow.in_words import in_words
from netwright.workflow.judging import evaluation_record, judge_split
from netwright.workflow.judging_tasks import heads_of
from netwright.workflow.run import Run

__all__ = ["Answer", "evaluate", "predict"]

_NAMED = ("binary", "classes", "ordinal")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a run says of one example.

    Attributes:
        label: the example: file name, row.
        prediction: in words; "abstain" where it is too unsure to answer.
        probabilities: by class; empty where the method gives none. Calibrated if the run is.
        numbers: by target column where numbers are asked for, in full; several answers to one
            column (quantiles) are counted: `price[0]`. Where the run says how sure it is, the
            standard deviation stands beside it: `price.deviation`.
        decision: of least expected cost, where there are costs.
        candidates: classes of which the true one is one, as often as the run was calibrated for.
        intervals: by target column, the ends between which the truth is, likewise.
        tasks: the prediction in words for each of several tasks; their classes are called
            `task=class` in `probabilities`.
    """

    label: str
    prediction: str
    probabilities: dict[str, float]
    numbers: dict[str, float]
    decision: str | None = None
    candidates: tuple[str, ...] = ()
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)


def predict(
    run: Run,
    data: Any,
    *,
    costs: CostTable | None = None,
    abstain: bool = False,
    skip_bad: bool = False,
) -> list[Answer]:
    """Answers for every example of a path, labelled or not.

    Args:
        run: trained.
        data: whatever `fit` takes; pictures need no class folders, tables no target column.
        costs: true class → decision → what it costs; None takes those of the run's recipe.
        abstain: give no answer where the run is less sure than its calibration asks.
        skip_bad: leave out what can't be read.

    Raises:
        BadData: it is not of the kind the run was trained on, or columns are missing.
        BadValue: to abstain is asked of a run that was not calibrated for it.
    """
    opened = open_unlabelled(run, data, skip_bad=skip_bad)
    device = choose_device(run.recipe.device)
    precision = choose_precision(run.recipe.training.precision, device)
    prediction = predict_all(run.method, unlabelled(run, opened), precision=precision).prediction
    found = _Found(run, prediction, costs=costs or run.recipe.costs, abstain=abstain)
    labels = opened.labels or [str(place) for place in range(len(opened))]
    heads = heads_of(run.method)
    if heads is not None:
        by_task = heads.apart(prediction)
        return [_of_tasks(run, by_task, place, label=label) for place, label in enumerate(labels)]
    return [found.answer(place, label=label) for place, label in enumerate(labels)]


def _of_tasks(run: Run, by_task: Mapping[str, Prediction], place: int, *, label: str) -> Answer:
    parts = run.state["target"]["parts"]
    told: dict[str, str] = {}
    probabilities: dict[str, float] = {}
    numbers: dict[str, float] = {}
    for task, own in by_task.items():
        part = parts[task]
        told[task] = in_words(own.outputs[place], **part)
        shares = _by_class(own.probabilities, place, target=part)
        probabilities |= {f"{task}={name}": share for name, share in shares.items()}
        numbers |= _by_column(own, place, target=part)
    return Answer(
        label=label,
        prediction=", ".join(f"{task}: {said}" for task, said in told.items()),
        probabilities=probabilities,
        numbers=numbers,
        tasks=told,
    )


class _Found:
    """The answers of a pass, with what the run's calibration and its costs make of them."""

    def __init__(
        self, run: Run, prediction: Prediction, *, costs: CostTable | None, abstain: bool
    ) -> None:
        self.target: dict[str, Any] = run.state["target"]
        calibration = calibration_of(run.folder)
        calm = prediction
        if calibration is not None:
            calm = calibration.calibrated(prediction, kind=self.target["kind"])
        self.prediction = calm
        self.withheld = _withheld(run, calibration, prediction) if abstain else None
        self.costs, self.decisions = _decisions(calm, costs, target=self.target)
        self.sets, self.intervals = _regions(calibration, prediction)

    def answer(self, place: int, *, label: str) -> Answer:
        """What is said of one example."""
        prediction, names = self.prediction, self.target["names"]
        told = in_words(prediction.outputs[place], **self.target)
        if self.withheld is not None and bool(self.withheld[place]):
            told = ABSTAIN
        decision = None
        if self.costs is not None and self.decisions is not None:
            decision = self.costs.decisions[int(self.decisions[place])]
        row = [] if self.sets is None else self.sets[place].nonzero()[:, 0].tolist()
        return Answer(
            label=label,
            prediction=told,
            probabilities=_by_class(prediction.probabilities, place, target=self.target),
            numbers=_by_column(prediction, place, target=self.target),
            decision=decision,
            candidates=tuple(names[number] for number in row),
            intervals={}
            if self.intervals is None
            else {
                name: (float(low), float(high))
                for name, (low, high) in zip(names, self.intervals[place], strict=True)
            },
        )


def _withheld(run: Run, calibration: Calibration | None, prediction: Prediction) -> Tensor:
    if run.state["target"]["kind"] not in _NAMED or prediction.probabilities is None:
        raise must_be("abstain", "left out where there are no probabilities of classes", True)
    if calibration is None or calibration.abstention is None:
        raise must_be(
            "run",
            "calibrated with a risk, to abstain",
            run.name,
            f"netwright calibrate {run.name} --risk 0.05",
        )
    return ~calibration.abstention.answers(prediction)


def _decisions(
    prediction: Prediction, table: CostTable | None, *, target: Mapping[str, Any]
) -> tuple[Costs | None, Tensor | None]:
    if table is None:
        return None, None
    if target["kind"] not in _NAMED or prediction.probabilities is None:
        raise must_be("costs", "left out where there are no probabilities of classes", dict(table))
    costs = Costs.of(table, names=target["names"])
    return costs, costs.decide(class_probabilities(prediction))


def _regions(
    calibration: Calibration | None, prediction: Prediction
) -> tuple[Tensor | None, Tensor | None]:
    conformal = None if calibration is None else calibration.conformal
    if conformal is None:
        return None, None
    if conformal.score in ("residual", "quantiles"):
        return None, conformal.intervals(prediction)
    return conformal.sets(prediction), None


def evaluate(
    run: Run,
    data: Any,
    *,
    split: str | None = None,
    costs: CostTable | None = None,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Figures with intervals over labelled data, in the form of `evaluation/SPLIT.json`.

    Of a run that was calibrated the calibrated probabilities are judged, and `calibration` says how
    well its promises hold on these data.

    Args:
        run: trained.
        data: whatever `fit` takes.
        split: "train", "val", "test" or "all". By default the test split of the data the run was
            trained on or of data that come with one, and all of any other.
        costs: true class → decision → what it costs; None takes those of the run's recipe.
        skip_bad: leave out what can't be used.

    Raises:
        BadData: it is not of the kind the run was trained on, or holds classes it does not know.
    """
    asked = open_asked(run, data, skip_bad=skip_bad)
    name, target = asked.split(split), run.state["target"]
    calibration, costs = calibration_of(run.folder), costs or run.recipe.costs
    if costs is not None and target["kind"] not in _NAMED:
        raise must_be("costs", "left out where the targets are no classes", target["kind"])
    judgement, answers = judge_split(
        run.method,
        batches_of(run, asked, split=name),
        task=Task.of(target),
        precision=choose_precision(run.recipe.training.precision, choose_device(run.recipe.device)),
        costs=costs,
        calibration=calibration,
    )
    holds = None
    if calibration is not None:
        own = ask(run, asked, split=name)
        holds = reliability(
            own.prediction, own.targets, kind=target["kind"], calibration=calibration
        )
    record = evaluation_record(
        judgement, split=name, answers=answers, method=run.method, costs=costs
    )
    return record | {
        "calibration": holds,
        "data": os.fspath(data) if isinstance(data, (str, os.PathLike)) else asked.opened.name,
        "skipped": len(asked.opened.skipped),
    }


def _by_class(
    probabilities: Tensor | None, place: int, *, target: Mapping[str, Any]
) -> dict[str, float]:
    if probabilities is None or target["kind"] not in (*_NAMED, "multi-label"):
        return {}  # bins have probabilities too, but no names
    names = target["names"]
    row = probabilities[place]
    if row.ndim == 0:
        return {names[0]: 1 - float(row), names[1]: float(row)}
    return {name: float(share) for name, share in zip(names, row, strict=True)}


def _by_column(prediction: Prediction, place: int, *, target: dict[str, Any]) -> dict[str, float]:
    if target["kind"] in (*_NAMED, "multi-label"):
        return {}
    names, values = target["names"], prediction.outputs[place].reshape(-1).tolist()
    if len(values) != len(names):
        names = [f"{names[0]}[{number}]" for number in range(len(values))]
    numbers = dict(zip(names, values, strict=True))
    if prediction.deviations is not None:
        spread = prediction.deviations[place].reshape(-1).tolist()
        numbers |= {f"{name}.deviation": one for name, one in zip(names, spread, strict=True)}
    return numbers
