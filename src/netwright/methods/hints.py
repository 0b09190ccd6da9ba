"""What a teacher's inner layers say, learned by the pupil's through projections of their own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netwright._errors import must_be, unknown
from netwright.methods.base import ParameterGroup, evaluating

__all__ = ["Heard", "Hints"]

Heard = dict[str, Tensor]


class Hints:
    """Pairs of layers, the pupil's brought to the teacher's width by a learned projection.

    Maps go through a convolution of one pixel, rows through a linear layer; of maps of different
    sizes the larger ones are averaged down to the smaller.

    Its state is kept beside that of the pupil while it learns, and is no part of what it has
    learned: a finished pupil has no projections.

    Paper: FitNets: Hints for Thin Deep Nets, Romero et al. 2015, https://arxiv.org/abs/1412.6550
    Differs: hints and answers are learned together, where the paper has a stage of hints first.

    Args:
        pupil: network.
        teacher: network.
        layers: name of a module of the pupil → name of one of the teacher.
        example: inputs of the pupil.
        brought: the same as the teacher takes them.
    """

    def __init__(
        self,
        pupil: nn.Module,
        teacher: nn.Module,
        *,
        layers: Mapping[str, str],
        example: Any,
        brought: Any,
    ) -> None:
        self._pairs = {
            (mine, theirs): (_module(pupil, mine), _module(teacher, theirs))
            for mine, theirs in layers.items()
        }
        with self.listening() as heard, evaluating(pupil), evaluating(teacher):
            pupil(example)
            teacher(brought)
        self._projections = nn.ModuleDict()
        for place, (mine, theirs) in enumerate(self._pairs):
            self._projections[str(place)] = _projection(
                heard[f"pupil.{mine}"], heard[f"teacher.{theirs}"], between=f"{mine}: {theirs}"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Of the pupil's layers and the projections: a teacher is never copied."""
        made = copy.copy(self)
        made._pairs = {
            names: (copy.deepcopy(own, memo), other) for names, (own, other) in self._pairs.items()
        }
        made._projections = copy.deepcopy(self._projections, memo)
        return made

    @contextmanager
    def listening(self) -> Iterator[Heard]:
        """Within the block: what the layers give, by "pupil." or "teacher." and their name."""
        heard: Heard = {}

        def keep(name: str) -> Any:
            def hook(_: nn.Module, __: Any, given: Tensor) -> None:
                heard[name] = given

            return hook

        hooks = []
        for (mine, theirs), (own, other) in self._pairs.items():
            hooks.append(own.register_forward_hook(keep(f"pupil.{mine}")))
            hooks.append(other.register_forward_hook(keep(f"teacher.{theirs}")))
        try:
            yield heard
        finally:
            for hook in hooks:
                hook.remove()

    def cost(self, heard: Heard) -> Tensor:
        """(n,) mean squares between projected and wanted features, added over the pairs."""
        total = torch.zeros(())
        for place, (mine, theirs) in enumerate(self._pairs):
            given, wanted = heard[f"pupil.{mine}"], heard[f"teacher.{theirs}"].detach()
            project = self._projections[str(place)].to(given.device)
            given, wanted = _of_one_size(given, wanted)
            apart = (project(given) - wanted).float().square().flatten(1).mean(dim=1)
            total = total.to(apart.device) + apart
        return total

    def group(self) -> ParameterGroup:
        """Of the projections."""
        named = self._projections.named_parameters()
        return ParameterGroup(parameters={f"hints.{name}": one for name, one in named})

    def state_dict(self) -> dict[str, Any]:
        """Weights of the projections."""
        return dict(self._projections.state_dict())

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take up where `state_dict` was taken."""
        self._projections.load_state_dict(state_dict)


def _module(network: nn.Module, name: str) -> nn.Module:
    known = dict(network.named_modules())
    if name not in known or not name:
        raise unknown("layer for method.hints", name, [one for one in known if one])
    found: nn.Module = known[name]
    return found


def _projection(given: Tensor, wanted: Tensor, *, between: str) -> nn.Module:
    if not isinstance(given, Tensor) or not isinstance(wanted, Tensor):
        raise must_be("method.hints", "between layers that give a tensor", between)
    shapes = tuple(given.shape[1:]), tuple(wanted.shape[1:])
    if given.ndim != wanted.ndim or given.ndim not in (2, 4):
        rule = "between layers that both give maps (c, h, w) or both give rows (d)"
        raise must_be("method.hints", rule, f"{between} of {shapes[0]} and {shapes[1]}")
    if given.ndim == 2:
        return nn.Linear(given.shape[1], wanted.shape[1])
    return nn.Conv2d(given.shape[1], wanted.shape[1], 1)


def _of_one_size(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    if given.ndim == 2:
        return given, wanted
    sides = [min(pair) for pair in zip(given.shape[2:], wanted.shape[2:], strict=True)]
    size = (sides[0], sides[1])
    return F.adaptive_avg_pool2d(given, size), F.adaptive_avg_pool2d(wanted, size)
