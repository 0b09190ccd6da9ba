"""An exponential moving average of the weights.

Paper: Acceleration of stochastic approximation by averaging, Polyak and Juditsky 1992,
    https://doi.org/10.1137/0330046
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["WeightAverage", "holding"]


class WeightAverage:
    """θ̄ ← d θ̄ + (1 − d) θ after every step, with a smaller d at first.

    Floating-point parameters and buffers are averaged; others (counts) are taken as they are.

    Args:
        module: whose weights are averaged.
        decay: d, from 0 to below 1. The average reaches back about 1 / (1 − d) steps.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise must_be("ema_decay", "from 0 to below 1", decay, "0.999 averages 1000 steps.")
        self.decay = decay
        self.steps = 0
        self._module = module
        self._average = {name: value.detach().clone() for name, value in self._live().items()}

    @property
    def weights(self) -> dict[str, Tensor]:
        """The average, in the form of the module's own `state_dict`."""
        return self._average

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights."""
        self.steps += 1
        # (1 + t) / (10 + t) is the usual warm-up: a plain average of the first steps
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
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

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the module holds the average, afterwards its own weights again."""
        with holding(self._module, self._average):
            yield

    def state_dict(self) -> dict[str, Any]:
        """Average and count."""
        return {"steps": self.steps, "average": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` was taken."""
        self.steps = state["steps"]
        _put(self._average, state["average"])

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
