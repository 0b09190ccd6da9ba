"""A trained run made reliable: honest probabilities, sets that hold the truth, when to abstain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netwright._errors import must_be
from netwright.evaluate.abstention import Abstention, confidence, guaranteed_abstention
from netwright.evaluate.calibration import Calibration, reliability
from netwright.evaluate.conformal import Conformal, fit_conformal
from netwright.evaluate.temperature import COLDEST, HOTTEST, fit_temperature
from netwright.runs.recipe import Recipe
from netwright.runs.store import RunFolder
from netwright.train.validation import Answers
from netwright.workflow.asked import Asked, ask, open_asked
from netwright.workflow.run import Run

__all__ = ["CALIBRATION", "calibrate", "calibration_of"]

CALIBRATION = "calibration.json"
_PROBABLE = ("binary", "classes", "ordinal", "multi-label")
_ONE_CLASS = ("binary", "classes", "ordinal")
_CHOSE = (
    "The validation split also chose the weights, so its examples are a little easier for the "
    "model than new ones: what is said of them may be missed by a little. For a promise that "
    "holds, keep a part apart before training: --set split.calibration=0.1"
)
_REPEATED = (
    "The split is no random part of the set: the promises are for examples that are like it."
)


def calibrate(
    run: Run,
    data: Any = None,
    *,
    split: str | None = None,
    temperature: bool = True,
    alpha: float | None = 0.1,
    score: str = "lac",
    risk: float | None = None,
    delta: float = 0.05,
    skip_bad: bool = False,
) -> Calibration:
    """Fit temperature, prediction sets or intervals, and a threshold of abstention.

    What was fitted is kept in the run (`calibration.json`) and used by `predict` and `evaluate`.

    Args:
        run: trained.
        data: labelled, whatever `fit` takes; None opens what the run was trained on.
        split: what it is fitted on. By default the run's `calibration` split, else its `val` split;
            all of other data.
        temperature: fit one where there are probabilities.
        alpha: how often a set or an interval may miss the truth; None for no sets.
        score: of sets of classes: "lac", "aps" or "raps".
        risk: share of its answers that may be wrong when it may abstain; None for no threshold.
        delta: how likely it may be that more are.
        skip_bad: leave out examples that can't be used.

    Raises:
        NetwrightError: too few examples for what is asked, or they were learned from.
    """
    if "parts" in run.state["target"]:
        tasks = ", ".join(run.state["target"]["names"])
        raise must_be("run", "of one target to be calibrated", tasks, "Train a run a task.")
    asked = open_asked(run, data, skip_bad=skip_bad)
    name = split or _split_for(asked)
    if name in ("train", "all") and asked.own:
        raise must_be("split", "one that was not learned from", name, "Take val, or other data.")
    answers = ask(run, asked, split=name)
    kind = str(run.state["target"]["kind"])
    found = Calibration(
        split=name,
        n=len(answers.index),
        temperature=_temperature(answers, kind=kind) if temperature else None,
        conformal=_conformal(answers, kind=kind, alpha=alpha, score=score),
        abstention=_abstention(answers, kind=kind, risk=risk, delta=delta),
    )
    found = _told(found, run, asked)
    run.folder.write_json(CALIBRATION, found.to_json())
    run.report()
    return found


def calibration_of(folder: RunFolder) -> Calibration | None:
    """What `calibrate` left in a run, if it did."""
    if not folder.has(CALIBRATION):
        return None
    return Calibration.from_json(folder.read_json(CALIBRATION))


def _split_for(asked: Asked) -> str:
    if not asked.own:
        return "all"
    for name in ("calibration", "val"):
        if name in asked.splits:
            return name
    raise must_be(
        "split",
        "there to be calibrated on: calibration, or val",
        sorted(asked.splits),
        "Give labelled data that were not learned from.",
    )


def _temperature(answers: Answers, *, kind: str) -> float | None:
    if kind not in _PROBABLE or answers.prediction.probabilities is None:
        return None
    return fit_temperature(answers.prediction, answers.targets, kind=kind)


def _conformal(answers: Answers, *, kind: str, alpha: float | None, score: str) -> Conformal | None:
    prediction = answers.prediction
    if alpha is None or kind == "multi-label":
        return None
    if kind in _ONE_CLASS and prediction.probabilities is None:
        return None
    return fit_conformal(prediction, answers.targets, kind=kind, alpha=alpha, score=score)


def _abstention(
    answers: Answers, *, kind: str, risk: float | None, delta: float
) -> Abstention | None:
    if risk is None:
        return None
    if kind not in _ONE_CLASS or answers.prediction.probabilities is None:
        raise must_be("risk", "left out where there are no probabilities of classes", risk)
    wrong = answers.prediction.outputs != answers.targets
    return guaranteed_abstention(confidence(answers.prediction), wrong, risk=risk, delta=delta)


def _told(found: Calibration, run: Run, asked: Asked) -> Calibration:
    """With what has to be known, and how it does on the test split."""
    notes = []
    if asked.own and found.split == "val" and _chose_by_val(run.recipe):
        notes.append(_CHOSE)
    if asked.own and asked.opened.times is not None:
        notes.append(_REPEATED)
    if found.temperature is not None and not COLDEST * 1.01 < found.temperature < HOTTEST / 1.01:
        notes.append(
            f"The temperature is at the end of its range: the {found.n} examples do not say how "
            "sure the model may be. Calibrate on more."
        )
    if run.state["target"]["kind"] == "multi-label":
        notes.append("Label sets get a temperature, and no prediction sets.")
    judged = {}
    if asked.own and "test" in asked.splits and found.split not in ("test", "all"):
        answers = ask(run, asked, split="test")
        judged["test"] = reliability(
            answers.prediction,
            answers.targets,
            kind=run.state["target"]["kind"],
            calibration=found,
        )
    return replace(found, notes=tuple(notes), judged=judged)


def _chose_by_val(recipe: Recipe) -> bool:
    training = recipe.training
    return training.restore_best or training.early_stopping is not None
