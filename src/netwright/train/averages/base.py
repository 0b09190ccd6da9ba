"""Averages of the weights, which are judged and kept in place of the last ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage", "holding"]


class WeightAverage:
    """Weights that follow those of a module.

    Floating-point parameters and buffers are averaged; others (counts) are taken as they are.

    Args:
        module: whose weights are averaged.
    """

    def __init__(self, module: nn.Module) -> None:
        self.steps = 0
        self._module = module
        self._average = {name: value.detach().clone() for name, value in self._live().items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """The average, in the form of the module's own `state_dict`."""
        return self._average

    @property
    def statistics_are_stale(self) -> bool:
        """Whether what batch normalisation gathered on the way does not fit the average."""
        return False

    @abstractmethod
    def afresh(self) -> Self:
        """Another of its kind that begins at the module's present weights."""

    def stepped(self) -> None:
        """A step of the loop is done."""

    def epoch_ended(self, share: float) -> None:
        """A pass over the source is done, and with it this share of the stage."""

    def state_dict(self) -> dict[str, Any]:
        """Average and count."""
        return {"steps": self.steps, "average": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` was taken."""
        self.steps = state["steps"]
        _put(self._average, state["average"])

    @torch.no_grad()
    def _take_in(self, weight: float) -> None:
        """Move the average towards the present weights by that share of the way."""
        self.steps += 1
        # by type: a tensor in parts and one that is whole are not taken together
        floats: dict[type, tuple[list[Tensor], list[Tensor]]] = {}
        for name, live in self._live().items():
            average = self._average[name]
            if average.is_floating_point():
                averages, values = floats.setdefault(type(average), ([], []))
                averages.append(average)
                values.append(live)
            else:
                average.copy_(live)
        for averages, values in floats.values():
            torch._foreach_lerp_(averages, values, weight)

    def _live(self) -> dict[str, Tensor]:
        return self._module.state_dict(keep_vars=True)


@contextmanager
def holding(module: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Within the block `module` holds `weights`, which may be some of its own, afterwards its own.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> with holding(layer, {"bias": torch.zeros(1)}):
        ...     print(layer.bias.item())
        0.0
    """
    live = module.state_dict(keep_vars=True)
    own = {name: live[name].detach().clone() for name in weights}
    _put(live, weights)
    try:
        yield
    finally:
        _put(live, own)


@torch.no_grad()
def _put(into: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        into[name].copy_(value)
