"""A trained network goes on learning, on other data: what was learned first is kept longest."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Self

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from netwright._errors import must_be, unknown
from netwright.methods.base import ParameterGroup, Stage, Task
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.supervised import Supervised
from netwright.models.depth import depth_blocks

__all__ = ["FineTuning"]

_LEAD = "model."


class FineTuning(Supervised):
    """Supervised learning from trained weights: freezing, rates by depth, unfreezing by stages.

    When to use it: the network was trained on more data than there are now. With few examples,
    freeze much or decay the rates; with many, plain fine-tuning is mostly as good. Left as it is,
    every layer learns at the run's rate, as in supervised learning.

    Blocks are those of `models.depth.depth_blocks`, from the input to the head, which is the layer
    that gives the scores. A layer that does not learn is in evaluation mode: its batch norms keep
    their statistics, its dropout is off. Gradients are computed down to the lowest block that
    learns.

    Gradual unfreezing has stages: the head alone, then so many blocks more from the top each time,
    and last all that is not frozen, which takes the epochs of the run. Each stage has a schedule of
    its own, begins at the best weights of the one before it, and is put back to those where it does
    not beat them.

    Paper: Universal Language Model Fine-tuning for Text Classification, Howard and Ruder 2018,
        https://arxiv.org/abs/1801.06146 (rates by depth, gradual unfreezing); How transferable are
        features in deep neural networks?, Yosinski et al. 2014, https://arxiv.org/abs/1411.1792
        (freezing).
    Differs: a stage has the run's schedule for itself, where the paper has one over all of them.

    Args:
        model: as trained, with a head for the new targets.
        unit: what the scores mean.
        example: inputs as the model takes them, by which its blocks are found; a run gives it.
        freeze: number of blocks from the input that keep their weights, or names of modules or
            parameters, in which `*` and `?` stand for any letters.
        layer_decay: times the learning rate from each block to the one below it, in (0, 1]; 0.385
            in the paper.
        unfreeze: blocks that join at each stage; 0 for all at once.
        unfreeze_epochs: of each stage but the last, at least 1.
        head_epochs: of the first stage, in which the head learns alone; 0 for none, or, where
            blocks join one after the other, for `unfreeze_epochs`.

    Example:
        >>> import torch
        >>> from netwright.methods.output_units.catalogue import create
        >>> unit = create("classes", names=("cat", "dog"), targets=None)
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2))
        >>> method = FineTuning(model, unit, example=torch.zeros(1, 3), unfreeze=1, freeze=1)
        >>> [stage.name for stage in method.stages()]
        ['head', 'from 2']
    """

    def __init__(
        self,
        model: nn.Module,
        unit: OutputUnit,
        *,
        example: Any = None,
        freeze: int | str | Sequence[str] = 0,
        layer_decay: float = 1.0,
        unfreeze: int = 0,
        unfreeze_epochs: int = 1,
        head_epochs: int = 0,
    ) -> None:
        super().__init__(model, unit)
        _refuse_numbers(
            layer_decay=layer_decay,
            unfreeze=unfreeze,
            unfreeze_epochs=unfreeze_epochs,
            head_epochs=head_epochs,
        )
        self._layer_decay = layer_decay
        self._unfreeze = unfreeze
        self._unfreeze_epochs = unfreeze_epochs
        self._head_epochs = head_epochs or (unfreeze_epochs if unfreeze else 0)
        self._blocks: tuple[_Block, ...] = ()
        if example is not None:  # else it can only answer
            self._blocks = _learning_blocks(model, example, freeze=freeze)

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        unit: str | None = None,
        **options: Any,
    ) -> Self:
        """See `Supervised.for_task`; the blocks are found by the task's example."""
        if "example" in options:
            known = ("freeze", "layer_decay", "unfreeze", "unfreeze_epochs", "head_epochs", "unit")
            raise unknown("option of method fine-tuning", "example", known)
        return super().for_task(
            task, build_model=build_model, unit=unit, example=task.example, **options
        )

    def stages(self) -> Sequence[Stage]:
        """One, or the head alone first, then more blocks each time, and last all that learn."""
        if not self._blocks:
            raise must_be("example", "given to learn", None, "Inputs as the model takes them.")
        learning = [block for block in self._blocks if block.learns]
        taken = [1] if self._head_epochs else []
        if self._unfreeze:
            taken += range(1 + self._unfreeze, len(learning), self._unfreeze)
        if not taken or len(learning) == 1:
            begin = partial(self._train_only, self._names(learning))
            return (Stage(begin=begin),)
        stages = []
        for place, count in enumerate([*taken, len(learning)]):
            part = learning[-count:]
            epochs = self._head_epochs if place == 0 else self._unfreeze_epochs
            stages.append(
                Stage(
                    name=self._stage_name(part),
                    epochs=None if count == len(learning) else epochs,
                    begin=partial(self._train_only, self._names(part)),
                    keeps_best=place > 0,
                )
            )
        return stages

    def parameter_groups(self, stage: Stage) -> Mapping[str, list[ParameterGroup]]:
        """Those of supervised learning, each cut by depth where the rates differ; the head first.

        The rate of the record is that of the first group.
        """
        whole = super().parameter_groups(stage)
        if self._layer_decay == 1:
            return whole
        below = {
            name: distance
            for distance, block in enumerate(reversed(self._blocks))
            for name in block.names
        }
        return {
            optimizer: list(_by_depth(groups, below, decay=self._layer_decay))
            for optimizer, groups in whole.items()
        }

    def train(self, mode: bool = True) -> Self:
        """Training mode for what learns; the rest stays in evaluation mode."""
        super().train(mode)
        if mode:
            for part in _standing(self.model):
                part.eval()
        return self

    def _names(self, blocks: Sequence[_Block]) -> frozenset[str]:
        return frozenset(name for block in blocks for name in block.learns)

    def _stage_name(self, part: Sequence[_Block]) -> str:
        if part[0] is self._blocks[-1]:
            return "head"
        whole = all(block.learns == block.names for block in self._blocks)
        is_all = whole and part[0] is self._blocks[0]
        return "everything" if is_all else f"from {part[0].name}"

    def _train_only(self, names: frozenset[str]) -> None:
        """Ask for the gradients of these, and of none else of the model."""
        for name, parameter in self.named_parameters():
            if name.startswith(_LEAD):
                parameter.requires_grad_(name in names)
        self.train(self.training)


@dataclass(frozen=True)
class _Block:
    """Names of a block's parameters within the method, and of those that are not frozen."""

    name: str
    names: tuple[str, ...]
    learns: tuple[str, ...]


def _learning_blocks(
    model: nn.Module, example: Any, *, freeze: int | str | Sequence[str]
) -> tuple[_Block, ...]:
    """The blocks of the model; those that asked for no gradient before are frozen too."""
    blocks = depth_blocks(model, example)
    if isinstance(freeze, bool):
        raise must_be("freeze", "a number of blocks, or names", freeze)
    if isinstance(freeze, int):
        if not 0 <= freeze < len(blocks):
            named = ", ".join(block.name for block in blocks)
            raise must_be(
                "freeze",
                f"from 0 to {len(blocks) - 1}, so that something is left to train",
                freeze,
                f"The blocks are {named}.",
            )
        frozen = {name for block in blocks[:freeze] for name in block.parameters}
    else:
        patterns = (freeze,) if isinstance(freeze, str) else tuple(freeze)
        frozen = set(_matched(patterns, [name for b in blocks for name in b.parameters]))
    found = tuple(
        _Block(
            block.name,
            tuple(_LEAD + name for name in block.parameters),
            tuple(
                _LEAD + name
                for name, parameter in block.parameters.items()
                if parameter.requires_grad and name not in frozen
            ),
        )
        for block in blocks
    )
    if not any(block.learns for block in found):
        fix = "It matches every parameter that asks for a gradient."
        raise must_be("freeze", "such that something is left to train", freeze, fix)
    return found


def _matched(patterns: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """The names that a pattern matches, whole or as a module above them."""
    for pattern in patterns:
        plain = pattern.removeprefix(_LEAD)
        hits = [n for n in names if fnmatchcase(n, plain) or fnmatchcase(n, f"{plain}.*")]
        if not hits:
            modules = {name.rpartition(".")[0] for name in names} - {""}
            nearest = difflib.get_close_matches(plain, [*modules, *names], n=5, cutoff=0.0)
            raise must_be(
                "freeze",
                "names that each match a parameter",
                pattern,
                f"The nearest are {', '.join(nearest)}.",
            )
        yield from hits


def _by_depth(
    groups: Sequence[ParameterGroup], below: Mapping[str, int], *, decay: float
) -> Iterator[ParameterGroup]:
    for distance in sorted({0, *below.values()}):
        for group in groups:
            part = {
                name: parameter
                for name, parameter in group.parameters.items()
                if below.get(name, 0) == distance
            }
            if part:
                scale = decay**distance * group.options.get("lr_scale", 1.0)
                options = {**group.options, "lr_scale": scale}
                yield ParameterGroup(parameters=part, options=options)


def _standing(model: nn.Module) -> Iterator[nn.Module]:
    """The parts all of whose parameters are frozen, and norms without any that follow such a part.

    A batch norm without weights has statistics all the same; those around it decide.
    """
    frozen = False
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters:
            frozen = not any(parameter.requires_grad for parameter in parameters)
        if frozen and (parameters or isinstance(part, _NormBase)):
            yield part


def _refuse_numbers(
    *, layer_decay: float, unfreeze: int, unfreeze_epochs: int, head_epochs: int
) -> None:
    if isinstance(layer_decay, bool) or not 0 < layer_decay <= 1:
        raise must_be("layer_decay", "above 0 and at most 1", layer_decay)
    counts = {"unfreeze": (unfreeze, 0), "head_epochs": (head_epochs, 0)}
    counts["unfreeze_epochs"] = (unfreeze_epochs, 1)
    for name, (value, least) in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise must_be(name, f"a whole number of at least {least}", value)
