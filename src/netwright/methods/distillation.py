"""A network learns what trained ones say, beside what is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from netwright._errors import BadType, must_be, offenders, unknown
from netwright.losses.soft_targets import (
    soft_classes,
    soft_labels,
    softened_classes,
    softened_labels,
)
from netwright.methods.base import Loss, Method, ParameterGroup, Phase, Stage, Task, evaluating
from netwright.methods.hints import Heard, Hints
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.output_units.binary import Binary
from netwright.methods.output_units.classes import Classes
from netwright.methods.output_units.multi_label import MultiLabel
from netwright.methods.supervised import Supervised, only

if TYPE_CHECKING:
    from netwright.data.batch import Streams

__all__ = ["Distillation", "Teacher", "order_among"]

_USUAL = 4.0  # of the temperature, where it means something


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """A trained method that is asked, and never changed.

    It is no part of the pupil: neither of its state, nor of its parameters, nor of its copies.

    Attributes:
        method: trained.
        bring: from the pupil's inputs to the teacher's; None where they are the same.
        order: for each of the pupil's names its place among the teacher's; None where the two
            are in the same order.
        name: for people.
    """

    method: Method
    bring: Callable[[Any], Any] | None = None
    order: tuple[int, ...] | None = None
    name: str = "teacher"

    def __post_init__(self) -> None:
        if not isinstance(self.method, Method):
            raise must_be("teacher", "a trained Method", self.method, error=BadType)

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def law(self, inputs: Any) -> Tensor:
        """Probabilities in the pupil's order: (n, k), or (n, 1) of yes for two classes."""
        said: Tensor | None = self._asked(inputs).probabilities
        if said is None:
            fix = "Hinge losses, for one, have none."
            raise must_be("teachers", "such that give probabilities", self.name, fix)
        if said.ndim == 1:
            yes = said if self.order in (None, (0, 1)) else 1 - said
            return yes[:, None]
        return self._ordered(said)

    def numbers(self, inputs: Any) -> Tensor:
        """What it answers for real targets: (n,), or (n, t) in the pupil's order."""
        said: Tensor = self._asked(inputs).outputs
        return said if said.ndim == 1 else self._ordered(said)

    def _asked(self, inputs: Any) -> Any:
        if isinstance(inputs, Tensor):
            self.method.to(inputs.device)
        with torch.no_grad(), evaluating(self.method):
            return self.method.predict(inputs if self.bring is None else self.bring(inputs))

    def _ordered(self, said: Tensor) -> Tensor:
        return said if self.order is None else said[:, list(self.order)]


class Distillation(Supervised):
    """Teachers' softened answers and true labels, learned together by one network.

    When to use it: an ensemble or a large network answers well and costs too much to be asked each
    time. What the teachers think of the wrong classes says more of a picture than its label.

    Of several teachers the mean law counts, softened once it is taken: a perfect pupil answers as
    their ensemble does, whatever the temperature. For classes, two classes and labels the cost is
    T² times the divergence of the pupil's law from theirs at temperature T. For real
    targets, where there is no law to soften, it is the unit's own loss against the mean of their
    answers, and there is no temperature.

    The teachers are frozen and in evaluation mode. They see what the pupil sees, augmentation
    included. A finished pupil needs them no longer.

    Paper: Distilling the Knowledge in a Neural Network, Hinton, Vinyals and Dean 2015,
        https://arxiv.org/abs/1503.02531
    Differs: the labels' loss and the teachers' share a weight of 1; teachers' laws are averaged
        before they are softened, not after, which would teach nearly their geometric mean.

    Args:
        model: the pupil.
        unit: what its scores mean: classes, binary, multi-label, or one of real targets.
        teachers: at least one to learn; a run gives them. None are needed to answer.
        temperature: above 0; None means 4, and none for real targets.
        label_weight: share of the true targets' loss, in [0, 1]; the rest is the teachers'.
        hints: name of a layer of the pupil → name of one of the only teacher's, whose features it
            learns through a projection; see `methods.hints`.
        hint_weight: what the hints' mean squares are multiplied with.
        example: inputs of the pupil, by which the widths of the projections are found; a run gives
            it.
    """

    def __init__(
        self,
        model: nn.Module,
        unit: OutputUnit,
        *,
        teachers: Sequence[Teacher] = (),
        temperature: float | None = None,
        label_weight: float = 0.1,
        hints: Mapping[str, str] | None = None,
        hint_weight: float = 1.0,
        example: Any = None,
    ) -> None:
        super().__init__(model, unit)
        self._soft = _kind_of(unit)
        if self._soft is None and temperature is not None:
            raise must_be("temperature", "left out for real targets", temperature)
        if temperature is not None and not temperature > 0:
            raise must_be("temperature", "above 0", temperature, "4 is usual.")
        if not 0 <= label_weight <= 1:
            raise must_be("label_weight", "in [0, 1]", label_weight, "0.1 is usual.")
        self.temperature = _USUAL if temperature is None else temperature
        self.label_weight = label_weight
        self.teachers = tuple(teachers)  # of records, not of modules: they are not registered
        if not hint_weight > 0:
            raise must_be("hint_weight", "above 0", hint_weight, "Leave hints out instead.")
        self.hint_weight = hint_weight
        self._hints: Hints | None = None
        if hints and self.teachers:
            self._hints = _hints(model, self.teachers, layers=hints, example=example)
            self.register_stateful("hints", self._hints)

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        unit: str | None = None,
        **options: Any,
    ) -> Self:
        """See `Supervised.for_task`; the run hands the teachers over with the task."""
        given = {"teachers": task.teachers, "example": task.example}
        if "example" in options:
            known = ("teachers", "temperature", "label_weight", "hints", "hint_weight", "unit")
            raise unknown("option of method distillation", "example", known)
        options |= given
        return super().for_task(task, build_model=build_model, unit=unit, **options)

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """One, over the pupil; it is not compiled, for teachers may be anything."""
        if not self.teachers:
            fix = "method: {name: distillation, teachers: [runs/a]}"
            raise must_be("method.teachers", "at least one trained run to learn from", (), fix)
        return (Phase(name="main", optimizers=("main",), loss=self.loss),)

    def loss(self, batch: Streams) -> Loss:
        """The teachers' and the targets' cost, each example times its weight."""
        batch = only(batch)
        silence: AbstractContextManager[Heard] = nullcontext({})
        with silence if self._hints is None else self._hints.listening() as heard:
            scores = self.scores(batch.inputs)
            soft = self.soft_loss(scores, inputs=batch.inputs)
        true = self.unit.loss(scores, batch.targets)
        values = (1 - self.label_weight) * soft + self.label_weight * true
        terms = {"teachers": soft.detach().mean(), "labels": true.detach().mean()}
        weights = {"teachers": 1 - self.label_weight, "labels": self.label_weight}
        if self._hints is not None:
            apart = self._hints.cost(heard)
            values = values + self.hint_weight * apart
            terms["hints"], weights["hints"] = apart.detach().mean(), self.hint_weight
        counted = torch.ones_like(values) if batch.weight is None else batch.weight.to(values.dtype)
        return Loss(
            total=(values * counted).sum(),
            count=len(batch) if batch.weight is None else counted.sum(),
            terms=terms,
            term_weights=weights,
        )

    def parameter_groups(self, stage: Stage) -> Mapping[str, list[ParameterGroup]]:
        """Those of supervised learning, and the hints' projections."""
        groups = {name: list(parts) for name, parts in super().parameter_groups(stage).items()}
        if self._hints is not None:
            groups["main"].append(self._hints.group())
        return groups

    def soft_loss(self, scores: Tensor, *, inputs: Any) -> Tensor:
        """(n,) how far the pupil's scores are from what the teachers say of the inputs."""
        if self._soft is None:
            answers = torch.stack([one.numbers(inputs) for one in self.teachers])
            return self.unit.loss(scores, answers.mean(dim=0))
        soften, cost = self._soft
        laws = torch.stack([self._fitting(one.law(inputs)) for one in self.teachers])
        heat = self.temperature
        return cost(scores, soften(laws.mean(dim=0), temperature=heat), temperature=heat)

    def _fitting(self, law: Tensor) -> Tensor:
        """The law of two classes as the pupil's unit has it: of both, or of yes alone."""
        width = self.unit.width
        if law.shape[1] == width:
            return law
        if {law.shape[1], width} == {1, 2}:
            return law[:, 1:] if width == 1 else torch.cat([1 - law, law], dim=1)
        raise must_be("teachers", f"such that tell {width} classes apart", law.shape[1])


def _hints(
    model: nn.Module, teachers: Sequence[Teacher], *, layers: Mapping[str, str], example: Any
) -> Hints:
    if not isinstance(layers, Mapping):
        fix = "hints: {features.3: features.3}"
        raise must_be("method.hints", "a mapping from the pupil's layers", layers, fix)
    (first, *others) = teachers
    if others or not isinstance(first.method, Supervised):
        got = f"{len(teachers)} of them" if others else type(first.method).__name__
        raise must_be("teachers", "a single network where there are hints", got)
    if example is None:
        raise must_be("example", "given with hints", None, "Inputs as the model takes them.")
    brought = example if first.bring is None else first.bring(example)
    network = first.method.model
    return Hints(model, network, layers=layers, example=example, brought=brought)


def _kind_of(unit: OutputUnit) -> tuple[Callable[..., Tensor], Callable[..., Tensor]] | None:
    """How laws of the unit are softened and compared; None for real targets."""
    if isinstance(unit, Classes):
        return softened_classes, soft_classes
    if isinstance(unit, (Binary, MultiLabel)):
        return softened_labels, soft_labels
    if unit.target == "real":
        return None
    known = "of classes, binary, multi-label or real targets for distillation"
    raise must_be("unit", known, type(unit).__name__)


def order_among(wanted: Sequence[str], names: Sequence[str], *, of: str) -> tuple[int, ...] | None:
    """Where each of the pupil's names stands among a teacher's; None where the order is the same.

    Raises:
        BadValue: they are not the same names.
    """
    if tuple(wanted) == tuple(names):
        return None
    strange = sorted({*wanted} ^ {*names})
    if strange:
        rule = "taught the same classes as the data have"
        raise must_be("teachers", rule, f"{of}, which differs in {offenders(strange)}")
    return tuple(list(names).index(name) for name in wanted)
