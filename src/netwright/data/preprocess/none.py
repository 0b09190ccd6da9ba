"""Nothing but the type the network takes."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from netwright.data.dataset import Samples
from netwright.data.preprocess.base import Preprocess

__all__ = ["Nothing"]


class Nothing(Preprocess):
    """Divide uint8 by 255; hand on floating point as it is, in float32.

    When to use it: the inputs are already as the network wants them.
    """

    name = "none"

    @classmethod
    def fit(cls, samples: Samples, index: Tensor) -> Self:
        """There is nothing to learn."""
        return cls()

    def forward(self, raw: Tensor) -> Tensor:
        """(n, ...) raw inputs → (n, ...) float32."""
        return raw / 255 if raw.dtype == torch.uint8 else raw.float()

    def restore(self, prepared: Tensor) -> Tensor:
        """See `Restorable`; floating point is handed back as it is, too."""
        return prepared

    def of_unit(self, pictures: Tensor) -> Tensor:
        """See `Restorable`."""
        return pictures
