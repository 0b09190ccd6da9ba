"""Examples as scikit-learn takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Examples", "Parts"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows of numbers with their targets.

    Attributes:
        rows: (n, d) float32.
        targets: as in a batch.
    """

    rows: np.ndarray
    targets: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> int:
        """How many numbers a row has."""
        return int(self.rows.shape[1])

    @property
    def wanted(self) -> np.ndarray:
        """The targets, in double precision where they are no classes."""
        values = self.targets.numpy()
        return values if values.dtype.kind in "iu" else values.astype(np.float64)

    def some(self, count: int, *, seed: int) -> Examples:
        """So many of them, drawn at random; fewer are among more of the same seed."""
        if count >= len(self):
            return self
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:count]
        return Examples(self.rows[order.numpy()], self.targets[order])


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is learned from, chosen by and judged by.

    Attributes:
        train: the training split.
        val: the validation split.
        test: the test split.
        kind: of the targets.
        names: of classes, labels or target columns.
        n_train: examples of the training split, of which memory may have allowed a part only.
    """

    train: Examples
    val: Examples
    test: Examples
    kind: str
    names: tuple[str, ...]
    n_train: int
