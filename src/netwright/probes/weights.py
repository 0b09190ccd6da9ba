"""The parameters and their gradients after a step."""

from __future__ import annotations

import torch

from netwright.probes.base import Probe

__all__ = ["Weights"]


class Weights(Probe):
    """Norm of each parameter and of its gradient; needs no hook."""

    def attach(self) -> None:
        """Nothing to put on: parameters can be read at any time."""

    def finish(self) -> None:
        """Read every parameter."""
        if not self.active:
            return
        for place, parameter in self.module.named_parameters():
            statistics = {"norm": torch.linalg.vector_norm(parameter.detach())}
            if parameter.grad is not None:
                statistics["gradient_norm"] = torch.linalg.vector_norm(parameter.grad.detach())
            self.note(place, statistics)
