"""Brute force: the loss at every point of a grid of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netwright._errors import BadType, must_be
from netwright.methods.base import Phase, Stage
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.supervised import Supervised

if TYPE_CHECKING:
    from netwright.data.batch import Streams

__all__ = ["GridSearch"]

_MOST_PARAMETERS = 3
_MOST_POINTS = 2_000_000
_AT_ONCE = 4_000_000  # scores held together


class GridSearch(Supervised):
    """Tries every combination of `points` values for each weight, and keeps the best.

    When to use it: to see a loss as a landscape, and to check another way down, with three weights
    at most: the number of losses is the number of values to the power of the number of weights.
    It needs no gradient and no convexity, and sees nothing between two values.

    Args:
        model: of at most 3 parameters: `model: linear` on two columns has them.
        unit: what the scores mean; any loss.
        low: least value of each weight.
        high: largest.
        points: values of each, at least 2, ends included.
    """

    def __init__(
        self,
        model: nn.Module,
        unit: OutputUnit,
        *,
        low: float = -2.0,
        high: float = 2.0,
        points: int = 41,
    ) -> None:
        super().__init__(model, unit)
        count = sum(parameter.numel() for parameter in model.parameters())
        if not 1 <= count <= _MOST_PARAMETERS:
            raise must_be(
                "model",
                f"one of at most {_MOST_PARAMETERS} parameters for a search on a grid",
                f"{type(model).__name__} with {count}",
                f"{points} values each make {points}^{count} losses to compute. Descend instead: "
                "method=supervised.",
            )
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise must_be("low", "finite and below high", (low, high))
        if points < 2 or points**count > _MOST_POINTS:
            raise must_be("points", f"at least 2 with at most {_MOST_POINTS} combinations", points)
        axis = torch.linspace(low, high, points, dtype=torch.float64)
        self._grid = torch.cartesian_prod(*[axis] * count).reshape(-1, count)

    @property
    def grid(self) -> Float[Tensor, "g p"]:
        """All combinations, the last weight changing fastest."""
        return self._grid

    def stages(self) -> Sequence[Stage]:
        """One, in which every combination is tried."""
        return (Stage(name="grid", fit=self.search),)

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """None: nothing descends."""
        return ()

    @torch.no_grad()
    def search(self, stream: Iterable[Streams]) -> None:
        """Leave the model with the best combination.

        Args:
            stream: every batch once.
        """
        places = dict(self.model.named_parameters())
        device = next(iter(places.values())).device
        grid = self._grid.float().to(device)
        totals = torch.zeros(len(grid), dtype=torch.float64)
        for batch in stream:
            totals += self.totals(grid, batch).cpu()
        totals[totals.isnan()] = math.inf  # torch calls NaN the least of all
        best = grid[int(totals.argmin())]
        for name, value in _divided(best[None], places).items():
            places[name].copy_(value[0])

    def totals(self, grid: Float[Tensor, "g p"], batch: Streams) -> Float[Tensor, "g"]:
        """What a batch costs with each combination, added over its examples."""
        inputs, targets = batch.inputs, batch.targets  # type: ignore[union-attr]
        if not isinstance(inputs, Tensor):
            raise must_be("inputs", "a tensor for a search on a grid", type(inputs), error=BadType)
        weight = batch.weight  # type: ignore[union-attr]
        places = dict(self.model.named_parameters())
        count = len(inputs)
        at_once = max(1, _AT_ONCE // (count * self.unit.width))
        found = []
        for some in torch.split(grid, at_once):
            scores = vmap(lambda given: functional_call(self.model, given, (inputs,)))(
                _divided(some, places)
            )
            flat = scores.reshape(len(some) * count, self.unit.width)
            repeated = targets.repeat(len(some), *[1] * (targets.ndim - 1))
            losses = self.unit.loss(flat, repeated).reshape(len(some), count).double()
            found.append((losses if weight is None else losses * weight).sum(dim=1))
        return torch.cat(found)


def _divided(values: Tensor, places: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Rows of numbers as parameters of their shapes, a row along the first dimension."""
    pieces = torch.split(values, [parameter.numel() for parameter in places.values()], dim=1)
    return {
        name: piece.reshape(len(values), *parameter.shape)
        for (name, parameter), piece in zip(places.items(), pieces, strict=True)
    }
