"""What flows back through every layer."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.probes.base import Probe

__all__ = ["Gradients"]


class Gradients(Probe):
    """Root mean square and largest magnitude of the loss's gradient at each layer's output.

    Layers are the modules without children. What is read is the gradient with respect to the output
    as it left the layer, also where the next operation writes into it.
    """

    def attach(self) -> None:
        """Hook every module without children."""
        for place, module in self.module.named_modules():
            if not any(True for _ in module.children()):
                self.hook(place or "model", module, look=self._wait)

    def _wait(self, place: str, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: self._look(place, gradient))  # type: ignore[no-untyped-call]

    def _look(self, place: str, gradient: Tensor) -> None:
        norm = torch.linalg.vector_norm(gradient.detach())
        self.note(
            place,
            {
                "root_mean_square": norm / gradient.numel() ** 0.5,
                "largest": torch.linalg.vector_norm(gradient.detach(), float("inf")),
            },
        )
