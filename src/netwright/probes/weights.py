"""The parameters and their gradients after a step."""

from __future__ import annotations

import torch

from netwright.probes.base import Probe

__all__ = ["Weights"]


class Weights(Probe):
    """Norm of each parameter and of its gradient, which the last step has left in it."""

    def attach(self) -> None:
        """Hook the module, so that compiled code knows when a gradient is to be left."""
        self.hook("model", self.module, look=lambda place, output: None)

    def finish(self) -> None:
        """Read every parameter."""
        if not self.active:
            return
        for place, parameter in self.module.named_parameters():
            statistics = {"norm": torch.linalg.vector_norm(parameter.detach())}
            if parameter.grad is not None:
                statistics["gradient_norm"] = torch.linalg.vector_norm(parameter.grad.detach())
            self.note(place, statistics)
