"""One network's raw scores, shared out to the output units of several tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from netwright._errors import BadData, must_be, unknown
from netwright.methods.base import Task
from netwright.methods.multi_task.explained import Explained
from netwright.methods.multi_task.of_task import OfTask
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.output_units.catalogue import create
from netwright.metrics.base import Metric, Prediction

__all__ = ["Head", "Heads"]

_CLASSES = ("binary", "classes", "ordinal")
_LEAST = 1e-12  # of a loss that is divided by: that of a constant target is 0


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where one task's scores and targets lie, and what they mean.

    Attributes:
        task: its name.
        unit: what the scores mean.
        scores: columns of the network's scores.
        targets: columns of the targets.
        is_class: the target is a place in a list of classes.
        is_whole: every training example has this target.
    """

    task: str
    unit: OutputUnit
    scores: slice
    targets: slice
    is_class: bool
    is_whole: bool

    def missing(self, targets: Float[Tensor, "n columns"]) -> Bool[Tensor, "n"]:
        """Which examples lack the target."""
        return targets[:, self.targets].isnan().any(dim=1)

    def own(self, targets: Float[Tensor, "n columns"]) -> Tensor:
        """The task's targets as its unit takes them; 0 where there is none."""
        values = targets[:, self.targets].nan_to_num()
        if self.is_class:
            return values[:, 0].long()
        return (
            values[:, 0] if values.shape[1] == 1 and self.unit.target != "multi-label" else values
        )

    def total(
        self,
        scores: Float[Tensor, "n width"],
        targets: Float[Tensor, "n columns"],
        *,
        weight: Float[Tensor, "n"] | None = None,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """What the examples that have the target cost together, and how many they are."""
        if self.is_whole and weight is None:
            total = self.unit.total(scores[:, self.scores], self.own(targets))
            return total, torch.full_like(total, len(targets), requires_grad=False)
        costs = self.costs(scores, targets)
        counted = torch.ones_like(costs) if weight is None else weight.to(costs.dtype)
        counted = counted.masked_fill(self.missing(targets), 0)
        return (costs * counted).sum(), counted.sum()

    def costs(
        self, scores: Float[Tensor, "n width"], targets: Float[Tensor, "n columns"]
    ) -> Float[Tensor, "n"]:
        """What each example costs; 0 where it lacks the target."""
        costs = self.unit.loss(scores[:, self.scores], self.own(targets))
        return costs.masked_fill(self.missing(targets), 0)


class Heads(OutputUnit):
    """The scores of one network side by side, each task's read by a unit of its own.

    A network whose last layer is linear and as wide as all units together is a shared network with
    a linear head a task. Targets lie side by side too, in one tensor, NaN where an example has
    none; there the task costs nothing and judges nothing.

    Args:
        parts: what each task is.
        targets: (n, columns) of the training split; None where a state is going to be loaded.
        units: task → name of another output unit than the one named like its kind, or that with
            its options: `{"name": "real-huber", "delta": 2.0}`.

    Raises:
        BadData: a task that has no target in the training split.
    """

    target = "several"
    prior_losses: Tensor

    def __init__(
        self,
        *,
        parts: Mapping[str, Task],
        targets: Tensor | None,
        units: Mapping[str, str | Mapping[str, Any]] | None = None,
    ) -> None:
        for task in units or {}:
            if task not in parts:
                raise unknown("task in units", task, parts)
        heads: list[Head] = []
        at = first = 0
        for task, part in parts.items():
            columns = 1 if part.kind in _CLASSES else max(1, len(part.names))
            own, is_whole = _known(task, targets, slice(at, at + columns), kind=part.kind)
            unit = _unit(part, (units or {}).get(task, part.kind), targets=own)
            heads.append(
                Head(
                    task=task,
                    unit=unit,
                    scores=slice(first, first + unit.width),
                    targets=slice(at, at + columns),
                    is_class=part.kind in _CLASSES,
                    is_whole=is_whole,
                )
            )
            at, first = at + columns, first + unit.width
        super().__init__(names=tuple(parts), width=first)
        self.units = nn.ModuleList(head.unit for head in heads)
        self.heads = tuple(heads)
        best = torch.zeros(len(heads)) if targets is None else self.best(targets)[0]
        self.register_buffer("prior_losses", best)

    @property
    def score_names(self) -> tuple[str, ...]:
        """What each score speaks for: `task=class`, or the task."""
        return tuple(name for head in self.heads for name in _of_scores(head))

    def totals(
        self,
        scores: Float[Tensor, "n width"],
        targets: Float[Tensor, "n columns"],
        *,
        weight: Float[Tensor, "n"] | None = None,
    ) -> tuple[Float[Tensor, "tasks"], Float[Tensor, "tasks"]]:
        """What each task costs over the examples that have its target, and how many they are."""
        found = [head.total(scores, targets, weight=weight) for head in self.heads]
        totals, labels = zip(*found, strict=True)
        return torch.stack(totals), torch.stack(labels)

    def loss(
        self, scores: Float[Tensor, "n width"], targets: Float[Tensor, "n columns"]
    ) -> Float[Tensor, "n"]:
        """The sum over the tasks that an example has a target of."""
        return torch.stack([head.costs(scores, targets) for head in self.heads]).sum(dim=0)

    def predict(self, scores: Float[Tensor, "n width"]) -> Prediction:
        """The answers side by side, a class as its place; `apart` takes them to their own form."""
        answers = [self._answer(head, scores).outputs for head in self.heads]
        columns = [one.reshape(len(scores), -1).to(torch.float32) for one in answers]
        return Prediction(outputs=torch.cat(columns, dim=1), logits=scores)

    def apart(self, prediction: Prediction) -> dict[str, Prediction]:
        """A task's own answer by its name: outputs, probabilities, deviations."""
        if prediction.logits is None:
            raise must_be("prediction", "one with the scores it was made of", None)
        return {head.task: self.answer(head, prediction) for head in self.heads}

    def answer(self, head: Head, prediction: Prediction) -> Prediction:
        """What a prediction of all says of one task, where the prediction is."""
        scores = prediction.logits
        if scores is None:
            raise must_be("prediction", "one with the scores it was made of", None)
        with torch.no_grad():
            found = self._answer(head, scores.to(self.prior_losses.device))
        back = {
            name: value.to(scores.device)
            for name, value in vars(found).items()
            if isinstance(value, Tensor)
        }
        return replace(found, **back)

    def judged(
        self, head: Head, prediction: Prediction, *, targets: Tensor
    ) -> tuple[Prediction, Tensor, Bool[Tensor, "n"]]:
        """One task's answers and targets over the examples that have one, and which these are."""
        rows = ~head.missing(targets)
        answer = self.answer(head, prediction)
        kept = {
            name: value[rows] for name, value in vars(answer).items() if isinstance(value, Tensor)
        }
        return replace(answer, **kept), head.own(targets[rows]), rows

    def metrics(self) -> dict[str, Metric]:
        """What is explained over all tasks first; then each task's own, as `task/metric`."""
        own = {
            f"{head.task}/{name}": OfTask(metric, head=head, heads=self)
            for head in self.heads
            for name, metric in head.unit.metrics().items()
        }
        return {"explained": Explained(self), **own}

    def prior_bias(self, targets: Float[Tensor, "n columns"]) -> Float[Tensor, "width"]:
        """The best constant scores of each task."""
        return torch.cat(
            [head.unit.prior_bias(own) for head, own in self._with_targets(targets)]
        ).float()

    def prior_loss(self, targets: Float[Tensor, "n columns"]) -> float:
        """What the best constant answers cost, added over the tasks, a mean over all examples."""
        best, shares = self.best(targets)
        return float((best * shares).sum())

    def best(
        self, targets: Float[Tensor, "n columns"]
    ) -> tuple[Float[Tensor, "tasks"], Float[Tensor, "tasks"]]:
        """The mean loss of each task's best constant answer, and its share of the examples."""
        found = [
            (max(head.unit.prior_loss(own), _LEAST) if len(own) else 1.0, len(own) / len(targets))
            for head, own in self._with_targets(targets)
        ]
        best, shares = torch.tensor(found).T
        return best, shares

    def _with_targets(self, targets: Tensor) -> list[tuple[Head, Tensor]]:
        there = [(head, targets[~head.missing(targets)]) for head in self.heads]
        return [(head, head.own(rows)) for head, rows in there]

    def _answer(self, head: Head, scores: Tensor) -> Prediction:
        return head.unit.predict(scores[:, head.scores])


def _of_scores(head: Head) -> list[str]:
    names, width = head.unit.names, head.unit.width
    if width == 1:
        return [f"{head.task}={names[1]}" if head.is_class and len(names) == 2 else head.task]
    told = names if len(names) == width else map(str, range(width))
    return [f"{head.task}={name}" for name in told]


def _unit(part: Task, asked: str | Mapping[str, Any], *, targets: Tensor | None) -> OutputUnit:
    options = {"name": asked} if isinstance(asked, str) else dict(asked)
    name = options.pop("name", part.kind)
    return create(name, names=part.names, targets=targets, **options)


def _known(
    task: str, targets: Tensor | None, columns: slice, *, kind: str
) -> tuple[Tensor | None, bool]:
    """The targets of the examples that have one, and whether all do."""
    if targets is None:
        return None, False
    values = targets[:, columns]
    there = ~values.isnan().any(dim=1)
    if not bool(there.any()):
        raise BadData(
            f"task {task} must have a target in the train split, got none. Leave the task out, or "
            "label some of its examples."
        )
    own = values[there]
    if kind in _CLASSES:
        return own[:, 0].long(), bool(there.all())
    return own[:, 0] if own.shape[1] == 1 and kind != "multi-label" else own, bool(there.all())
