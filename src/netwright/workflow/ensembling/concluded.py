"""The end of an ensemble: its weights, its figures beside those of its members, its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import BadValue
from netwright.evaluate.decomposition import Ambiguity, ambiguity
from netwright.evaluate.hold_out import judge
from netwright.methods.base import Prediction
from netwright.methods.ensemble import Ensemble, Member, combined
from netwright.runs.finished import WEIGHTS
from netwright.runs.members import FILE
from netwright.runs.store import RunFolder
from netwright.train.precision import choose_precision
from netwright.train.validation import Answers, predict_all
from netwright.workflow.ensembling.described import Described
from netwright.workflow.judging import metrics_of, write_errors, write_evaluation, write_samples
from netwright.workflow.prepare import Prepared
from netwright.workflow.run import Run
from netwright.workflow.session import Session

__all__ = ["conclude_ensemble"]


def conclude_ensemble(
    session: Session,
    folder: RunFolder,
    *,
    members: Sequence[Member],
    described: Sequence[Described],
) -> Run:
    """Judge the members and what they say together, and write all of it into the folder.

    Args:
        session: with the data and the splits to judge on.
        folder: of the ensemble.
        members: trained.
        described: the same, in words.
    """
    ensemble = Ensemble(members)
    figures: list[dict[str, Any]] = [{} for _ in members]
    split_errors = {}
    for split in ("val", "test"):
        if split not in session.prepared.splits:
            continue
        each = [_answers(session, member, split=split) for member in members]
        together = replace(each[0], prediction=combined([one.prediction for one in each]))
        _write(session, folder, ensemble=ensemble, split=split, answers=together)
        for found, answers in zip(figures, each, strict=True):
            found[split] = _first_figure(ensemble, answers)
        spread = _spread(each)
        if spread is not None:
            split_errors[split] = asdict(spread)
    if isinstance(session.prepared, Prepared):
        prepared = session.prepared
        write_samples(folder, data=prepared.data, index=prepared.splits["train"])
    known = [replace(one, figures=found) for one, found in zip(described, figures, strict=True)]
    folder.write_json(
        FILE, {"members": [one.to_json() for one in known], "ambiguity": split_errors}
    )
    ensemble.to("cpu").eval()
    folder.write_tensors(WEIGHTS, ensemble.state_dict())
    return Run(folder, session.recipe, ensemble, dict(known[0].state), nn.Identity())


def _answers(session: Session, member: Member, *, split: str) -> Answers:
    prepared = session.prepared
    if isinstance(prepared, Prepared):  # loaders give what the method takes
        prepared = replace(prepared, preprocess=member.preprocess.to(session.device))
    precision = choose_precision(session.recipe.training.precision, session.device)
    batches = prepared.held_out(split, session.device)()
    return predict_all(member.method.to(session.device), batches, precision=precision)


def _write(
    session: Session, folder: RunFolder, *, ensemble: Ensemble, split: str, answers: Answers
) -> None:
    task = session.prepared.task
    judgement = judge(
        answers.prediction,
        answers.targets,
        kind=task.kind,
        names=task.names,
        weight=answers.weight,
        metrics=metrics_of(ensemble, costs=session.recipe.costs, names=task.names),
    )
    costs = session.recipe.costs
    write_evaluation(
        folder, split=split, judgement=judgement, answers=answers, method=ensemble, costs=costs
    )
    if isinstance(session.prepared, Prepared):
        write_errors(folder, data=session.prepared.data, answers=answers, method=ensemble)


def _first_figure(ensemble: Ensemble, answers: Answers) -> dict[str, Any] | None:
    for name, metric in ensemble.judged_by().items():
        metric.update(answers.prediction, answers.targets, weight=answers.weight)
        try:
            return {"metric": name, "value": metric.compute()}
        except BadValue:
            return None
    return None


def _spread(each: Sequence[Answers]) -> Ambiguity | None:
    """How far the members' squared error exceeds the ensemble's; with classes the Brier score."""
    targets = each[0].targets
    values = [_numbers(one.prediction) for one in each]
    present = [value for value in values if value is not None]
    if len(present) < len(values) or not isinstance(targets, Tensor):
        return None
    stacked = torch.stack(present).double()
    if targets.ndim == 1 and stacked.ndim == 3 and not targets.is_floating_point():
        targets = nn.functional.one_hot(targets.long(), stacked.shape[2])
    if targets.shape != stacked.shape[1:]:
        return None  # quantiles: no square is what they are judged by
    return ambiguity(stacked, targets.double())


def _numbers(prediction: Prediction) -> Tensor | None:
    """What is squared: probabilities of classes, else numbers."""
    outputs = prediction.outputs
    if not isinstance(outputs, Tensor):
        return None
    law = prediction.probabilities
    if law is not None and (not outputs.is_floating_point() or law.shape == outputs.shape):
        return law
    return outputs if outputs.is_floating_point() else None
