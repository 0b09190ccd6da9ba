"""Several tasks judged, each by what judges it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from netwright.evaluate.confident_errors import moved, on_cpu
from netwright.evaluate.hold_out import judge
from netwright.evaluate.judgement import Estimate, Judgement
from netwright.methods.base import Method, Metric, Task
from netwright.methods.multi_task.heads import Heads
from netwright.methods.multi_task.of_task import OfTask
from netwright.methods.supervised import Supervised
from netwright.metrics.base import Prediction
from netwright.train.validation import Answers

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Head

__all__ = ["answers_by_task", "heads_of", "judge_tasks"]


def heads_of(method: Method) -> Heads | None:
    """The heads of a method that learns several tasks; None for others."""
    unit = method.unit if isinstance(method, Supervised) else None
    return unit if isinstance(unit, Heads) else None


def answers_by_task(heads: Heads, answers: Answers) -> dict[str, Answers]:
    """Each task's answers and targets, over the examples that have its target."""
    prediction, targets = on_cpu(answers.prediction), moved(answers.targets)
    return {head.task: _of(head, heads, prediction, targets, answers) for head in heads.heads}


def judge_tasks(
    heads: Heads,
    answers: Answers,
    *,
    parts: Mapping[str, Task],
    metrics: Mapping[str, Metric],
) -> Judgement:
    """One judgement of all, with one of each task in `tasks`.

    Args:
        heads: of the tasks.
        answers: for examples with the targets of some of them.
        parts: what each task is.
        metrics: fresh; those of a task are judged over the examples that have its target.
    """
    by_task = {
        task: _judged(own, part=parts[task], metrics=_of_task(metrics, task))
        for task, own in answers_by_task(heads, answers).items()
        if len(own.index)
    }
    overall = judge(
        answers.prediction,
        answers.targets,
        kind="several",
        names=heads.names,
        weight=answers.weight,
        metrics={name: one for name, one in metrics.items() if not isinstance(one, OfTask)},
    )
    found: dict[str, Estimate] = dict(overall.metrics)
    undefined = dict(overall.undefined)
    for task, judgement in by_task.items():
        found |= {f"{task}/{name}": one for name, one in judgement.metrics.items()}
        undefined |= {f"{task}/{name}": why for name, why in judgement.undefined.items()}
    return replace(
        overall,
        metrics={name: found[name] for name in metrics if name in found},
        undefined=undefined,
        tasks=by_task,
    )


def _of(
    head: Head, heads: Heads, prediction: Prediction, targets: Tensor, answers: Answers
) -> Answers:
    answer, own, rows = heads.judged(head, prediction, targets=targets)
    weight = answers.weight
    return Answers(
        prediction=answer,
        targets=own,
        index=answers.index[rows],
        weight=None if weight is None else weight[rows],
    )


def _of_task(metrics: Mapping[str, Metric], task: str) -> dict[str, Metric]:
    return {
        name.removeprefix(f"{task}/"): one.metric
        for name, one in metrics.items()
        if isinstance(one, OfTask) and one.head.task == task
    }


def _judged(answers: Answers, *, part: Task, metrics: Mapping[str, Metric]) -> Judgement:
    return judge(
        answers.prediction,
        answers.targets,
        kind=part.kind,
        names=part.names,
        weight=answers.weight,
        metrics=metrics,
    )
