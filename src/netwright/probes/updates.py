"""How far a step moves each parameter."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.probes.base import Probe

__all__ = ["Updates"]


class Updates(Probe):
    """Norm of each parameter's change over a step, and its ratio to the norm before.

    Copies the parameters on the steps it looks at. A parameter of norm 0 has the ratio infinity
    when it moves and 0 when it does not.
    """

    _before: dict[str, Tensor]

    def attach(self) -> None:
        """Nothing to put on: parameters can be read at any time."""
        self._before = {}

    def at(self, step: int) -> None:
        """Copy the parameters if the schedule looks at this step."""
        super().at(step)
        self._before = {}
        if self.active:
            self._before = {
                place: parameter.detach().clone()
                for place, parameter in self.module.named_parameters()
            }

    def finish(self) -> None:
        """Compare with the copies."""
        for place, parameter in self.module.named_parameters():
            before = self._before.get(place)
            if before is None:
                continue
            moved = torch.linalg.vector_norm(parameter.detach() - before)
            ratio = moved / torch.linalg.vector_norm(before)
            # 0/0 is no movement; any other NaN comes from the parameter and is to be seen
            self.note(place, {"norm": moved, "ratio": torch.where(moved == 0, 0.0, ratio)})
        self._before = {}
