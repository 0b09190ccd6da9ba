"""What comes out of every layer."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.probes.base import Probe

__all__ = ["Activations"]


class Activations(Probe):
    """Mean, deviation, largest magnitude and share of exact zeros of each layer's output.

    Layers are the modules without children. A layer called several times in a step shows its last
    call. On a GPU the reductions stay there until `read`.
    """

    def attach(self) -> None:
        """Hook every module without children."""
        for place, module in self.module.named_modules():
            if not any(True for _ in module.children()):
                self.hook(place or "model", module, look=self._look)

    def _look(self, place: str, output: Tensor) -> None:
        value = output.detach()
        self.note(
            place,
            {
                "mean": value.mean(),
                "deviation": value.std(correction=0),
                "largest": torch.linalg.vector_norm(value, float("inf")),
                "zeros": 1 - torch.count_nonzero(value) / value.numel(),
            },
        )
