"""One method tried on the pictures that all methods are tried on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright._errors import must_be
from netwright._random import generator
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.target import Target, chosen, scores
from netwright.explain.trials.fragility import fragility
from netwright.explain.trials.label_randomisation import label_randomisation
from netwright.explain.trials.localisation import mask_overlap, pointing_game
from netwright.explain.trials.method import mapped
from netwright.explain.trials.ordering import places
from netwright.explain.trials.parameter_randomisation import parameter_randomisation
from netwright.explain.trials.random_signs import RandomSigns
from netwright.explain.trials.redrawn import halfway
from netwright.explain.trials.shift_invariance import shift_invariance
from netwright.explain.trials.trust import areas

__all__ = ["Data", "Figures", "Measured", "Trial"]

Data: TypeAlias = Tensor | tuple[Tensor, Target]
"""Inputs, or a pair of inputs and what is explained of them."""

Figures: TypeAlias = NDArray[np.float64]
"""One number a picture."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One number a picture, of each kind.

    Attributes:
        insertion: area.
        deletion: area.
        others: by the names that `Judged` has for their means.
        seconds: that one map took.
    """

    insertion: Figures
    deletion: Figures
    others: Mapping[str, Figures]
    seconds: float

    @property
    def gap(self) -> Figures:
        """What methods are ranked by: higher is better."""
        return self.insertion - self.deletion


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What all methods have in common.

    Attributes:
        model: any.
        inputs: the pictures.
        target: what is explained, the predicted classes in place of None.
        masks: of the pictures.
        twin: trained on shuffled labels.
        middle: path of the layer down to which parameters are drawn anew.
        steps: of insertion and deletion.
        draws: random perturbations of each picture.
        seed: of all that is drawn.
        batch_size: pictures at a time.
    """

    model: nn.Module
    inputs: Tensor
    target: Target
    masks: Tensor | None
    twin: nn.Module | None
    middle: str
    steps: int
    draws: int
    seed: int
    batch_size: int

    @classmethod
    def of(
        cls, model: nn.Module, data: Data, *, masks: Tensor | None, count: int, **same: Any
    ) -> Trial:
        """Draw the pictures.

        Args:
            model: any.
            data: see `Data`.
            masks: one for each input.
            count: so many pictures, or all.
            same: the fields that are taken as they are.

        Raises:
            BadValue: fewer than two pictures, or masks that are not as many.
        """
        inputs, target = data if isinstance(data, tuple) else (data, None)
        inputs = leaf(inputs)[0].detach()
        if min(count, len(inputs)) < 2:
            fix = "One has no interval; explain.trust tells of each picture."
            raise must_be("count", "at least 2, of as many pictures", min(count, len(inputs)), fix)
        if masks is not None and len(masks) != len(inputs):
            raise must_be("masks", f"one for each of {len(inputs)} pictures", len(masks))
        drawn = torch.randperm(len(inputs), generator=generator(same["seed"], "judged"))
        rows = drawn[:count].sort().values.to(inputs.device)
        if not (target is None or callable(target) or isinstance(target, int)):
            target = torch.as_tensor(target, device=inputs.device)
            target = target[rows] if target.ndim else target
        inputs = inputs[rows]
        with examined(model) as opened, torch.no_grad():
            kept = chosen(opened(inputs.clone()), target)
            middle = halfway(opened, inputs)
        own = None if masks is None else masks[rows.to(masks.device)]
        return cls(model=model, inputs=inputs, target=kept, masks=own, middle=middle, **same)

    def time_of(self, function: Callable[..., Tensor]) -> float:
        """Seconds that the map of one picture takes, after one that loads what there is to load."""
        first = self.target[:1] if isinstance(self.target, Tensor) else self.target
        self.maps(function, inputs=self.inputs[:1], target=first)
        start = time.perf_counter()
        self.maps(function, inputs=self.inputs[:1], target=first)
        return time.perf_counter() - start

    def time_of_all(self, spent: float) -> float:
        """Seconds that `measured` takes for all maps that it needs.

        Args:
            spent: of `time_of`.
        """
        times = 6 + self.draws + (self.twin is not None) * 2  # each check needs the maps as well
        return spent * len(self.inputs) * times

    def maps(self, function: Callable[..., Tensor], *, inputs: Tensor, target: Target) -> Tensor:
        """What the method gives."""
        with examined(self.model) as opened:
            return mapped(opened, inputs, method=function, target=target)

    def measured(self, name: str, function: Callable[..., Tensor], *, spent: float) -> Measured:
        """All figures of one method."""
        maps = self.maps(function, inputs=self.inputs, target=self.target)
        with examined(self.model) as opened:
            deletion, insertion = areas(
                opened,
                self.inputs,
                sets=(places(maps, self.inputs),),
                target=self.target,
                steps=self.steps,
                seed=self.seed,
                batch_size=self.batch_size,
            )
        others = self._checks(function)
        if name in CATALOGUE and CATALOGUE.entry(name).facts.get("adds_up"):
            others["completeness"] = self._missed(maps)
        if self.masks is not None:
            others |= self._marked(maps, self.masks)
        return Measured(
            insertion=_numbers(insertion),
            deletion=_numbers(deletion),
            others={kind: _numbers(values) for kind, values in others.items()},
            seconds=spent,
        )

    def _checks(self, function: Callable[..., Tensor]) -> dict[str, Tensor]:
        """What needs the maps of other models, or of other pictures."""
        drawn = parameter_randomisation(
            self.model,
            self.inputs,
            method=function,
            target=self.target,
            layers=[self.middle],
            seed=self.seed,
        )
        moved = fragility(
            self.model,
            self.inputs,
            method=function,
            target=self.target,
            attack=RandomSigns(draws=self.draws, seed=self.seed),
        )
        shifted = shift_invariance(self.model, self.inputs, method=function, target=self.target)
        found = {"randomised": drawn.highest[:, -1], "shift": shifted.change}
        told = moved.kept > 0  # the others would count as if nothing moved them
        if told.any():
            found["overlap"] = moved.overlap[told]
        if self.twin is not None:
            found["labels"] = label_randomisation(
                self.model, self.inputs, twin=self.twin, method=function, target=self.target
            ).highest
        return found

    def _missed(self, maps: Tensor) -> Tensor:
        """How far the sum misses score(inputs) - score(0), as a share of it."""
        with examined(self.model) as opened, torch.no_grad():
            whole, empty = (
                scores(opened(given.clone()), self.target)
                for given in (self.inputs, torch.zeros_like(self.inputs))
            )
        return ((maps.flatten(1).sum(1) - (whole - empty)) / (whole - empty)).abs()

    def _marked(self, maps: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """Scores against the masks, less chance."""
        flat = places(maps, self.inputs).view(-1, *self.inputs.shape[2:])
        pointed, overlap = pointing_game(flat, masks), mask_overlap(flat, masks)
        return {
            "pointing": pointed.hits - pointed.chance,
            "within": overlap.precision_recall - overlap.area,
        }


def _numbers(values: Tensor) -> Figures:
    return values.detach().double().cpu().numpy()
