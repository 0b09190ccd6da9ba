"""The contract between a way to learn and the loop that carries it out.

The loop, for a stage with phases::

    stage.begin()
    until the stage's stop rule says so:
        for phase in method.phases(stage):
            for batch in the step's first `phase.batches` batches:
                zero the gradients of the phase's optimisers
                for micro_batch in batch:
                    loss = phase.loss(micro_batch);  backward(loss.total / count of the whole batch)
                check that the gradients are finite; clip; step the phase's optimisers

A step draws as many batches as its hungriest phase takes. A later phase sees the weights that an
earlier one has updated. `loss` is a function, not a value: optimisers that take the gradient again
(L-BFGS, look-ahead Nesterov), curvature probes and trials call it again under the same random
state.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.metrics.base import Metric, Prediction

if TYPE_CHECKING:
    from netwright.data.batch import Streams

__all__ = [
    "Choice",
    "Loss",
    "Method",
    "Metric",
    "ParameterGroup",
    "Phase",
    "Prediction",
    "Stage",
    "Stateful",
    "Task",
    "evaluating",
    "trained",
]


Choice: TypeAlias = Callable[[Mapping[str, Metric]], Mapping[str, Metric]]
"""From a method's own fresh metrics to those that it is judged by."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a batch costs.

    Attributes:
        total: scalar, the weighted SUM over the items that count. The loop divides by the count
            over all micro-batches and processes, so uneven pieces give the gradient of the whole.
        count: how many items count (examples, tokens, positives).
        terms: unweighted parts, one scalar each, for the record and the doctor; means or sums as
            the method's page says.
        term_weights: what each term was multiplied with on its way into `total`.
    """

    total: Tensor
    count: Tensor | int
    terms: Mapping[str, Tensor] = field(default_factory=dict)
    term_weights: Mapping[str, float] = field(default_factory=dict)

    def detached(self) -> Loss:
        """The same numbers without the graph they came from."""
        terms, count = self.terms, self.count
        return Loss(
            total=self.total.detach(),
            count=count.detach() if isinstance(count, Tensor) else count,
            terms={name: value.detach() for name, value in terms.items()} if terms else {},
            term_weights=self.term_weights,
        )


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One kind of update within a step.

    Attributes:
        name: for the record ("discriminator").
        optimizers: names of those this phase updates.
        loss: what is minimised; may be called again under the same random state.
        batches: fresh batches a step, each with an update of its own.
        accumulates: False where the loss is not a sum over examples (NT-Xent, batch statistics), so
            that micro-batches would change it; the loop then refuses to cut the batch.
        compiles: whether `loss` can be traced: plain tensor functions of the batch and of modules.
            Compiling is tried only where this says so.
    """

    name: str
    optimizers: tuple[str, ...]
    loss: Callable[[Streams], Loss]
    batches: int = 1
    accumulates: bool = True
    compiles: bool = False

    def __post_init__(self) -> None:
        if self.batches < 1:
            raise must_be("batches", f"at least 1 in phase {self.name}", self.batches)
        if not self.optimizers:
            raise must_be("optimizers", f"at least one in phase {self.name}", self.optimizers)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training with its own data and its own end.

    Attributes:
        name: for the record ("adversarial").
        source: which of the run's named sources it learns from.
        epochs: passes over the source; None takes the run's.
        steps: loop steps the stage takes, whatever `epochs` says.
        fit: a closed form instead of phases: sees every batch of one pass, once.
        begin: called once when the stage is entered, never again on resume: to copy an encoder's
            weights or to freeze it, not to make modules.
        act: the policy handed to the source, for data that come from acting.
        keeps_best: the best validation of the stage before goes on counting, and its weights are
            put back where no epoch of this stage beats it: for stages that learn one thing in
            steps.
    """

    name: str = "main"
    source: str = "train"
    epochs: int | None = None
    steps: int | None = None
    fit: Callable[[Iterable[Streams]], None] | None = None
    begin: Callable[[], None] | None = None
    act: Callable[[Any], Any] | None = None
    keeps_best: bool = False


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """Named parameters that share options of their optimiser.

    Attributes:
        parameters: name within the method → parameter.
        options: what differs from the optimiser's own (`lr`, `weight_decay`). `lr_scale` multiplies
            the run's learning rate.
    """

    parameters: Mapping[str, nn.Parameter]
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a recipe-driven run asks of a method.

    Attributes:
        kind: of the target, in the words of `netwright.data.dataset.TargetKind`.
        names: of classes, labels, target columns or, where there are several targets, tasks.
        targets: of the training split; None where a trained state is going to be loaded.
        example: two inputs as the network gets them, zeros of their shape where a trained state is
            going to be loaded: for methods that have to see the network at work.
        restore: from pictures as the network takes them to their values from 0 to 1, as they were
            before preprocessing; None where that can't be said, or nothing is going to be learned.
        teachers: trained methods to learn from, for methods that have some.
        parts: what each of several targets is; they lie side by side in `targets`.
    """

    kind: str
    names: tuple[str, ...]
    targets: Tensor | None = None
    example: Any = None
    restore: Callable[[Tensor], Tensor] | None = None
    teachers: tuple[Any, ...] = ()
    parts: Mapping[str, Task] = field(default_factory=dict)

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Task:
        """From what a run keeps of its target: kind, names and, where there are several, parts."""
        parts = described.get("parts", {})
        return cls(
            kind=described["kind"],
            names=tuple(described["names"]),
            parts={name: cls.of(one) for name, one in parts.items()},
        )


@runtime_checkable
class Stateful(Protocol):
    """Whatever a method must remember besides its tensors: a pool, a buffer, an environment."""

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object:
        """Take up where `state_dict` was taken."""
        ...


class Method(nn.Module):
    """A way to learn: networks, the losses that tie them, and how to answer.

    Its `state_dict` and its registered `Stateful` parts are its whole state. A tensor that one
    phase leaves for the next is not: with micro-batches only the last piece's would survive.

    Attributes:
        progress: share of the current stage that is done, set by the loop before each step; for
            losses whose weights change in the course of the training.
    """

    progress: float

    def __init__(self) -> None:
        super().__init__()
        self._stateful: dict[str, Stateful] = {}
        self._choice: Choice | None = None
        self.progress = 0.0

    @classmethod
    def for_task(
        cls, task: Task, *, build_model: Callable[[int], nn.Module], **options: Any
    ) -> Self:
        """Make the method for a run driven by a recipe.

        The default hands a model with one output a name to the constructor.

        Args:
            task: what is to be learned.
            build_model: from the number of raw scores to the recipe's model.
            options: those of the recipe's `method` section.
        """
        make: Callable[..., Self] = cls
        return make(build_model(len(task.names)), **options)

    def register_stateful(self, name: str, part: Stateful) -> None:
        """Keep `part` in every snapshot of the run under `name`."""
        if not isinstance(part, Stateful):
            raise must_be(name, "an object with state_dict and load_state_dict", type(part))
        self._stateful[name] = part

    @property
    def stateful(self) -> Mapping[str, Stateful]:
        """The registered parts, by name."""
        return self._stateful

    def stages(self) -> Sequence[Stage]:
        """The parts of the training, in order."""
        return (Stage(),)

    @abstractmethod
    def phases(self, stage: Stage) -> Sequence[Phase]:
        """The kinds of update in `stage`, in the order of one step; none for a closed form."""

    @abstractmethod
    def predict(self, inputs: Any) -> Prediction:
        """Answer for inputs, in evaluation mode and without gradients."""

    def metrics(self) -> Mapping[str, Metric]:
        """Fresh metrics of its own for one pass over held-out data, the first to select by."""
        return {}

    def choose(self, choice: Choice | None) -> None:
        """Be judged by what `choice` makes of `metrics`; None for these themselves."""
        self._choice = choice

    def judged_by(self) -> Mapping[str, Metric]:
        """Fresh metrics for one pass: the chosen ones, the first being the one to select by."""
        own = self.metrics()
        return own if self._choice is None else self._choice(own)

    def parameter_groups(self, stage: Stage) -> Mapping[str, list[ParameterGroup]]:
        """Optimiser name → its groups; each parameter trained in `stage` in exactly one.

        The default: one optimiser "main" over everything that asks for a gradient.
        """
        return {"main": [trained(self)]}


def trained(*modules: nn.Module, prefix: str = "", **options: float) -> ParameterGroup:
    """A group of all parameters of `modules` that ask for a gradient.

    Example:
        >>> trained(nn.Linear(2, 1), weight_decay=0.0).options
        {'weight_decay': 0.0}
    """

    def named() -> Iterator[tuple[str, nn.Parameter]]:
        for place, module in enumerate(modules):
            lead = prefix if len(modules) == 1 else f"{prefix}{place}."
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    yield f"{lead}{name}", parameter

    return ParameterGroup(parameters=dict(named()), options=options)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Within the block: evaluation mode, no gradients; afterwards every part as it was."""
    learning = [part for part in module.modules() if part.training]
    for part in learning:
        part.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for part in learning:
            part.training = True
