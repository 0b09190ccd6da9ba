"""A trained method judged on a split, and what the report shows of it."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.data.batch import Batch
from netwright.data.dataset import Data, InputKind, Target
from netwright.evaluate.abstention import confidence, risk_coverage
from netwright.evaluate.calibration import Calibration
from netwright.evaluate.costs import Costs, CostTable, cost_metrics, surprise
from netwright.evaluate.hold_out import Judgement, judge, most_confident_errors
from netwright.methods.base import Method, Metric, Prediction, Task
from netwright.runs.store import RunFolder
from netwright.train.precision import Precision
from netwright.train.validation import Answers, predict_all
from netwright.workflow.in_words import in_words
from netwright.workflow.judging_tasks import answers_by_task, heads_of, judge_tasks
from netwright.workflow.loaders import PreparedLoaders
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Session

__all__ = [
    "evaluation_record",
    "judge_run",
    "judge_split",
    "metrics_of",
    "write_errors",
    "write_evaluation",
    "write_picture",
    "write_samples",
]

SHOWN_ERRORS = 24
MATRIX_OF = 500  # classes; 5,000 of them would make a file of 200 MB
SHOWN_SAMPLES = 24
CURVE_POINTS, CURVE_RESAMPLES = 200, 200
SURPRISED = 3.0  # standard deviations


def judge_run(
    session: Session, folder: RunFolder, *, precision: Precision, seconds: float = 0.0
) -> None:
    """Judge every split that was not learned from, and show the errors of the last.

    Args:
        session: with the trained method.
        folder: of the run.
        precision: number format of the answers.
        seconds: that the training took; what the report shows may take a share of it.
    """
    prepared, task = session.prepared, session.prepared.task
    shown: tuple[str, Answers] | None = None
    for split in ("val", "test"):
        if split not in prepared.splits or split in _without_truth(prepared):
            continue
        judgement, answers = judge_split(
            session.method,
            prepared.held_out(split, session.device)(),
            task=task,
            precision=precision,
            costs=session.recipe.costs,
        )
        write_evaluation(
            folder,
            split=split,
            judgement=judgement,
            answers=answers,
            method=session.method,
            costs=session.recipe.costs,
        )
        if isinstance(prepared, Prepared):
            write_errors(folder, data=prepared.data, answers=answers, method=session.method)
            shown = split, answers
    if isinstance(prepared, Prepared):
        if shown is not None and session.recipe.explain:
            from netwright.workflow.explaining.shown import explain_shown

            split, answers = shown
            explain_shown(session, folder, split=split, answers=answers, seconds=seconds)
        write_samples(folder, data=prepared.data, index=prepared.splits["train"])


def _without_truth(prepared: Prepared | PreparedLoaders) -> Collection[str]:
    return prepared.without_truth if isinstance(prepared, PreparedLoaders) else ()


def judge_split(
    method: Method,
    batches: Iterator[Batch],
    *,
    task: Task,
    precision: Precision,
    costs: CostTable | None = None,
    calibration: Calibration | None = None,
) -> tuple[Judgement, Answers]:
    """Judgement of one pass, and the answers that were judged.

    Args:
        method: what is judged.
        batches: of the pass.
        task: what the targets are.
        precision: number format of the answers.
        costs: of decisions, for their figures beside the others.
        calibration: of the probabilities that are judged.
    """
    answers = predict_all(method, batches, precision=precision)
    if calibration is not None:
        calm = calibration.calibrated(answers.prediction, kind=task.kind)
        answers = replace(answers, prediction=calm)
    metrics, heads = metrics_of(method, costs=costs, names=task.names), heads_of(method)
    if heads is not None:
        return judge_tasks(heads, answers, parts=task.parts, metrics=metrics), answers
    judgement = judge(
        answers.prediction,
        answers.targets,
        kind=task.kind,
        names=task.names,
        weight=answers.weight,
        metrics=metrics,
    )
    return judgement, answers


def metrics_of(
    method: Method, *, costs: CostTable | None, names: tuple[str, ...]
) -> Mapping[str, Metric]:
    """The method's own, and what its decisions cost where costs are given."""
    if costs is None:
        return method.judged_by()
    return {**method.judged_by(), **cost_metrics(Costs.of(costs, names=names))}


def evaluation_record(
    judgement: Judgement,
    *,
    split: str,
    answers: Answers,
    method: Method,
    costs: CostTable | None = None,
) -> dict[str, Any]:
    """What `evaluation/SPLIT.json` holds; `tasks` has as much of each of several tasks.

    Args:
        judgement: of the split.
        split: its name.
        answers: that were judged.
        method: that gave them.
        costs: of decisions, where they were judged too.
    """
    heads = heads_of(method)
    if heads is None:
        return _record(judgement, split=split, answers=answers, costs=costs)
    own = answers_by_task(heads, answers)
    tasks = {
        task: _record(one, split=split, answers=own[task]) for task, one in judgement.tasks.items()
    }
    whole = _record(judgement, split=split, answers=answers, costs=costs)
    return whole | {"n": len(answers.index), "tasks": tasks}


def _record(
    judgement: Judgement, *, split: str, answers: Answers, costs: CostTable | None = None
) -> dict[str, Any]:
    rows = {row.name: row for row in judgement.per_class}
    figures = next(iter(judgement.metrics.values()), None)
    return {
        "split": split,
        "n": 0 if figures is None else figures.n,
        "metrics": {name: asdict(figure) for name, figure in judgement.metrics.items()},
        "undefined": dict(judgement.undefined),
        "names": list(judgement.names),
        "confusion": _matrix(judgement),
        "per_class": {
            name: {"precision": row.precision, "recall": row.recall, "f1": row.f1, "n": row.n}
            for name, row in rows.items()
        },
        "confused_pairs": [
            {"target": pair.truth, "prediction": pair.answer, "count": pair.n}
            for pair in judgement.confused
        ],
        "curves": [asdict(one) for one in judgement.curves],
        "selective": _selective(judgement, answers),
        "notes": _notes(judgement, answers, costs=costs),
    }


def _selective(judgement: Judgement, answers: Answers) -> dict[str, Any] | None:
    """Risk over coverage of answers that have one class and a probability."""
    prediction = answers.prediction
    if not judgement.confusion or prediction.probabilities is None:
        return None
    wrong = prediction.outputs != answers.targets
    curve = risk_coverage(confidence(prediction), wrong, n_resamples=CURVE_RESAMPLES)
    drawn = np.unique(np.linspace(0, len(curve.coverage) - 1, CURVE_POINTS).astype(int))
    return {
        "area": asdict(curve.area),
        "coverage": curve.coverage[drawn].tolist(),
        "risk": curve.risk[drawn].tolist(),
        "threshold": curve.threshold[drawn].tolist(),
    }


def _notes(judgement: Judgement, answers: Answers, *, costs: CostTable | None) -> list[str]:
    """What the figures say of each other."""
    if costs is None:
        return []
    table = Costs.of(costs, names=judgement.names)
    far = surprise(answers.prediction, answers.targets, costs=table)
    if abs(far) < SURPRISED:
        return []
    believed, paid = judgement.metrics["expected_cost"].value, judgement.metrics["cost"].value
    return [
        f"The model expects its decisions to cost {believed:.4g}, and they cost {paid:.4g}, "
        f"{abs(far):.0f} standard deviations from it: its probabilities are not calibrated, so "
        "these are not the best decisions. `netwright calibrate` mends that."
    ]


def _matrix(judgement: Judgement) -> list[list[float]] | None:
    """Left out where nobody could read it; the pairs that are confused most are kept anyway."""
    if not 0 < len(judgement.confusion) <= MATRIX_OF:
        return None
    return [list(row) for row in judgement.confusion]


def write_evaluation(
    folder: RunFolder,
    *,
    split: str,
    judgement: Judgement,
    answers: Answers,
    method: Method,
    costs: CostTable | None = None,
) -> None:
    """Write figures and answers of a split into the run; answers that are tensors, that is.

    Those of one of several tasks stand beside them as `TASK/outputs` and so on.
    """
    record = evaluation_record(judgement, split=split, answers=answers, method=method, costs=costs)
    folder.write_json(f"evaluation/{split}.json", record)
    prediction, heads = answers.prediction, heads_of(method)
    if not (isinstance(prediction.outputs, Tensor) and isinstance(answers.targets, Tensor)):
        return  # boxes, texts: the figures alone are kept
    tensors = _tensors(answers)
    by_task = {} if heads is None else answers_by_task(heads, answers)
    for task, own in by_task.items():
        tensors |= {f"{task}/{name}": value for name, value in _tensors(own).items()}
    folder.write_tensors(f"evaluation/{split}.safetensors", tensors)


def _tensors(answers: Answers) -> dict[str, Tensor]:
    prediction = answers.prediction
    tensors = {
        "outputs": prediction.outputs,
        "targets": answers.targets,
        "index": answers.index,
    }
    if prediction.probabilities is not None:
        tensors["probabilities"] = prediction.probabilities
    elif prediction.logits is not None:  # margins: what such answers can be ranked by
        tensors["logits"] = prediction.logits
    if prediction.deviations is not None:
        tensors["deviations"] = prediction.deviations
    return tensors


def write_errors(folder: RunFolder, *, data: Data, answers: Answers, method: Method) -> None:
    """Write the errors that the method was surest of, with their pictures; of each task as many."""
    heads = heads_of(method)
    if heads is None:
        rows = _errors(data, data.target, answers, count=SHOWN_ERRORS)
    else:
        each, rows = max(1, SHOWN_ERRORS // len(heads.names)), []
        for task, own in answers_by_task(heads, answers).items():
            found = _errors(data, data.target.parts[task], own, count=each)
            words = (
                {key: f"{task}: {row[key]}" for key in ("target", "prediction")} for row in found
            )
            rows += [row | said for row, said in zip(found, words, strict=True)]
    for number, row in enumerate(rows):
        name = f"error-{number}.png"
        row["file"] = write_picture(folder, data, place=row["index"], name=name)
    folder.write_json("pictures/errors.json", rows)


def _errors(data: Data, target: Target, answers: Answers, *, count: int) -> list[dict[str, Any]]:
    kind, names = str(target.kind), target.names
    prediction, targets = answers.prediction, answers.targets
    worst = most_confident_errors(prediction, targets, kind=kind, count=count)
    rows = []
    for place in worst.tolist():
        where = int(answers.index[place])
        rows.append(
            {
                "label": data.labels[where] if data.labels else str(where),
                "index": where,
                "target": in_words(targets[place], kind=kind, names=names),
                "prediction": in_words(prediction.outputs[place], kind=kind, names=names),
                "confidence": _confidence(prediction, place, kind=kind),
            }
        )
    return rows


def write_samples(folder: RunFolder, *, data: Data, index: Tensor) -> None:
    """Write a few training pictures, taken evenly over the split."""
    if data.input_kind is not InputKind.IMAGE or data.target.values is None:
        return
    described = data.target.described()
    order = _by_class(data, index)
    step = max(len(order) // SHOWN_SAMPLES, 1)
    rows = [
        {
            "file": write_picture(folder, data, place=place, name=f"sample-{number}.png"),
            "label": data.labels[place] if data.labels else str(place),
            "target": in_words(data.target.values[place], **described),
        }
        for number, place in enumerate(order[::step][:SHOWN_SAMPLES])
    ]
    folder.write_json("pictures/samples.json", rows)


def _by_class(data: Data, index: Tensor) -> list[int]:
    values = data.target.values
    if values is None or values.ndim != 1:
        return [int(place) for place in index]
    order = values[index].argsort(stable=True)
    return [int(place) for place in index[order]]


def write_picture(folder: RunFolder, data: Data, *, place: int, name: str) -> str | None:
    """Write an example into `pictures/`; None where it is no picture."""
    if data.input_kind is not InputKind.IMAGE:
        return None
    from PIL import Image

    raw = data.samples.take(torch.tensor([place]))[0].cpu()
    if raw.dtype != torch.uint8:
        low, high = raw.min(), raw.max()
        raw = ((raw - low) / (high - low).clamp(min=1e-12) * 255).to(torch.uint8)
    pixels = raw[0] if raw.shape[0] != 3 else raw.permute(1, 2, 0)
    out = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(out, format="PNG")
    folder.write_bytes(f"pictures/{name}", out.getvalue())
    return name


def _confidence(prediction: Prediction, place: int, *, kind: str) -> float | None:
    if prediction.probabilities is None or kind == "multi-label":
        return None
    row = prediction.probabilities[place]
    return float(row.max()) if row.ndim else float(max(row, 1 - row))
