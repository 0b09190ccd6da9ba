"""One network learns several targets of unlike kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor, nn

from netwright._errors import must_be
from netwright.methods.base import Loss, Phase, Stage, Task
from netwright.methods.multi_task.catalogue import create
from netwright.methods.multi_task.fixed import Fixed
from netwright.methods.multi_task.heads import Heads
from netwright.methods.multi_task.weighting import TaskCosts, Weighting
from netwright.methods.supervised import Supervised
from netwright.metrics.base import Prediction

if TYPE_CHECKING:
    from netwright.data.batch import Batch

__all__ = ["MultiTask"]


class MultiTask(Supervised):
    """A shared network with a head a task.

    When to use it: an example has several targets that the same features can tell, and labels of
    one are few. Tasks that need unlike features are better off alone.

    The record has each task's mean loss under its name, without its weight, over the labels of a
    batch; 0 where a batch has none. The run is selected by `explained` (see there), or by a task's
    own figure: `training.select_by: digit/accuracy`.

    Paper: Multitask Learning, 1997, https://doi.org/10.1023/A:1007379606734

    Args:
        model: gives the scores of all tasks side by side.
        unit: what they mean.
        weighting: how the losses become one; equal weights where None.

    Example:
        >>> import torch
        >>> parts = {"digit": Task(kind="classes", names=tuple("0123456789")),
        ...          "ink": Task(kind="real", names=("ink",))}
        >>> method = MultiTask(nn.Linear(64, 11), Heads(parts=parts, targets=None))
        >>> answer = method.predict(torch.zeros(2, 64))
        >>> {task: tuple(one.outputs.shape) for task, one in method.apart(answer).items()}
        {'digit': (2,), 'ink': (2,)}
    """

    unit: Heads

    def __init__(
        self, model: nn.Module, unit: Heads, *, weighting: Weighting | None = None
    ) -> None:
        super().__init__(model, unit)
        self.weighting = Fixed(unit) if weighting is None else weighting

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        weighting: str = "fixed",
        units: Mapping[str, str | Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Self:
        """The tasks' output units, the weighting, and a model as wide as all units together.

        Args:
            task: what is to be learned; of several parts.
            build_model: from the number of raw scores to the model.
            weighting: a name of the catalogue (fixed, uncertainty, pcgrad), or `file.py:Name`.
            units: task → another output unit than the one named like its kind; see `Heads`.
            options: of the weighting (`weights`).
        """
        if not task.parts:
            raise must_be(
                "targets", "those of several tasks for multi-task", task.kind, "data.kind=several"
            )
        heads = Heads(parts=task.parts, targets=task.targets, units=units)
        made = create(weighting, heads=heads, **options)
        return cls(build_model(heads.width), heads, weighting=made)

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """One, over everything."""
        weighting = self.weighting
        return (
            Phase(
                name="main",
                optimizers=("main",),
                loss=self.loss,
                accumulates=weighting.accumulates,
                compiles=weighting.compiles,
            ),
        )

    def cost(self, scores: Tensor, batch: Batch) -> Loss:
        """What scores (n, width) cost, each task's part by the weighting."""
        totals, labels = self.unit.totals(scores, batch.targets, weight=batch.weight)
        total = self.weighting.total(
            TaskCosts(
                totals=totals,
                labels=labels,
                scores=scores,
                shared=_trained(self.model),
                own=_trained(self.unit),
            )
        )
        means = (totals.detach() / labels.clamp(min=1)).unbind()
        return Loss(
            total=total,
            count=len(batch) if batch.weight is None else batch.weight.sum(),
            terms={**dict(zip(self.unit.names, means, strict=True)), **self.weighting.terms()},
            term_weights=self.weighting.term_weights(),
        )

    def apart(self, prediction: Prediction) -> dict[str, Prediction]:
        """Each task's own answer by its name."""
        return self.unit.apart(prediction)

    def floor(self, targets: Tensor) -> float:
        """See `Supervised.floor`; by the weighting."""
        return self.weighting.floor(*self.unit.best(targets))


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
