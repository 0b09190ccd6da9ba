"""One network learns targets from inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netwright._errors import BadType, BadValue
from netwright.methods.base import (
    Loss,
    Method,
    ParameterGroup,
    Phase,
    Stage,
    Task,
    evaluating,
)
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.output_units.catalogue import create
from netwright.metrics.base import Metric, Prediction

if TYPE_CHECKING:
    from netwright.data.batch import Batch, Streams

__all__ = ["Supervised", "called", "only"]

_NORMALISERS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)  # instance norms are _BatchNorm


class Supervised(Method):
    """A network whose raw scores an output unit compares with the targets.

    Where examples are weighted, the record's term `data` is the mean loss without the weights.

    Args:
        model: gives `unit.width` scores an example; (n,) will do where that is 1. Inputs that are a
            tuple or list are its arguments, those that are a mapping its keyword arguments.
        unit: what the scores mean.

    Example:
        >>> import torch
        >>> from netwright.methods.output_units.catalogue import create
        >>> unit = create("classes", names=("cat", "dog"), targets=None)
        >>> method = Supervised(nn.Linear(3, 2), unit)
        >>> method.predict(torch.zeros(4, 3)).probabilities.shape
        torch.Size([4, 2])
    """

    def __init__(self, model: nn.Module, unit: OutputUnit) -> None:
        super().__init__()
        if not isinstance(unit, OutputUnit):
            raise BadType(
                f"unit must be an OutputUnit, got unit={type(unit).__name__}. "
                "Make one with methods.output_units.catalogue.create."
            )
        self.model = model
        self.unit = unit

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        unit: str | None = None,
        **options: Any,
    ) -> Self:
        """The output unit that suits the target, and a model of its width.

        Args:
            task: what is to be learned.
            build_model: from the number of raw scores to the model.
            unit: another output unit than the one named like the target's kind.
            options: of the unit (`label_smoothing`, `quantiles`, `num_bins`), and those that a
                subclass takes by keyword.
        """
        own = {name: options.pop(name) for name in _keywords(cls) if name in options}
        made = create(unit or task.kind, names=task.names, targets=task.targets, **options)
        return cls(build_model(made.width), made, **own)

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """One, over everything."""
        return (Phase(name="main", optimizers=("main",), loss=self.loss, compiles=True),)

    def loss(self, batch: Streams) -> Loss:
        """What the examples cost, each times its weight."""
        batch = only(batch)
        return self.cost(self.scores(batch.inputs), batch)

    def cost(self, scores: Tensor, batch: Batch) -> Loss:
        """What scores (n, width) cost on the targets of a batch, each times its weight."""
        if batch.weight is None:
            return Loss(total=self.unit.total(scores, batch.targets), count=len(batch))
        values = self.unit.loss(scores, batch.targets)
        counted = batch.weight.to(values.dtype)
        return Loss(
            total=(values * counted).sum(),
            count=counted.sum(),
            terms={"data": values.detach().mean()},
            term_weights={"data": 1.0},
        )

    def predict(self, inputs: Any) -> Prediction:
        """See `Method.predict`."""
        with evaluating(self):
            return self.unit.predict(self.scores(inputs))

    def metrics(self) -> Mapping[str, Metric]:
        """Those of the output unit."""
        return self.unit.metrics()

    def floor(self, targets: Tensor) -> float:
        """The mean loss of the best constant answer to these targets: what learning must beat."""
        return self.unit.prior_loss(targets)

    def parameter_groups(self, stage: Stage) -> Mapping[str, list[ParameterGroup]]:
        """One optimiser; no decay and no L1 on biases, normalisers, parameters of one dimension.

        Those set offsets and scales: pulling them to 0 doesn't make a function simpler.
        """
        shrinks, stays = _by_decay(self)
        groups = [
            ParameterGroup(parameters=shrinks),
            ParameterGroup(parameters=stays, options={"weight_decay": 0.0, "l1": 0.0}),
        ]
        return {"main": [group for group in groups if group.parameters]}

    def scores(self, inputs: Any) -> Tensor:
        """The model's raw scores, (n, width).

        Raises:
            BadValue: the model gives another number of scores than the unit needs.
        """
        return self.fitting(called(self.model, inputs))

    def fitting(self, given: Any) -> Tensor:
        """Scores as a network gave them, (n, width).

        Raises:
            BadValue: another number of scores than the unit needs.
        """
        if not isinstance(given, Tensor):
            raise BadType(
                f"model must be a module that gives a tensor of scores, got {type(given).__name__} "
                f"from {type(self.model).__name__}. Wrap it in a module that picks the scores."
            )
        width = self.unit.width
        if given.ndim == 1 and width == 1:
            return given[:, None]
        if given.ndim != 2 or given.shape[1] != width:
            raise self._misfit(given)
        return given

    def _misfit(self, given: Tensor) -> BadValue:
        unit = self.unit
        got = f"{given.shape[1]} (n, {given.shape[1]})" if given.ndim == 2 else tuple(given.shape)
        wanted = "1 score" if unit.width == 1 else f"{unit.width} scores"
        return BadValue(
            f"model must be one that gives {wanted} an example (n, {unit.width}) for "
            f"the output unit {type(unit).__name__} of {len(unit.names)} names, got {got} from "
            f"{type(self.model).__name__}. Make its last layer {unit.width} wide."
        )


def _keywords(kind: type[Supervised]) -> list[str]:
    parameters = inspect.signature(kind).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]


def _by_decay(method: nn.Module) -> tuple[dict[str, nn.Parameter], dict[str, nn.Parameter]]:
    shrinks: dict[str, nn.Parameter] = {}
    stays: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    for place, module in method.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            exempt = parameter.ndim < 2 or name == "bias" or isinstance(module, _NORMALISERS)
            (stays if exempt else shrinks)[f"{place}.{name}" if place else name] = parameter
    return shrinks, stays


def called(network: Callable[..., Any], inputs: Any) -> Any:
    """What a network gives for a tensor, a tuple or list of arguments, or a mapping of keywords."""
    if isinstance(inputs, Tensor):
        return network(inputs)  # first: the commonest, and the others are slow to ask for
    if isinstance(inputs, Mapping):
        return network(**inputs)
    return network(*inputs) if isinstance(inputs, (tuple, list)) else network(inputs)


def only(streams: Streams) -> Batch:
    """The batch of a method that learns from one stream.

    Raises:
        BadType: several streams.
    """
    if isinstance(streams, Mapping):
        raise BadType(
            "batch must be one stream for supervised learning, got the streams "
            f"{', '.join(streams)}. Give one data set, or a method that learns from several."
        )
    return streams
