"""A law that is known: two classes, each a pair of Gaussians in opposite quadrants.

Class 1 has its centres at (a, a) and (−a, −a), class 0 at (a, −a) and (−a, a), all with unit
variance and equal shares. The posterior of class 1 is above one half where x₁x₂ > 0, so no rule
errs less often than 2·Φ(a)Φ(−a); no straight line comes near it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from scipy.stats import norm
from torch import Tensor

import netwright as nw

A = 1.5
BAYES_RISK = float(2 * norm.cdf(A) * norm.cdf(-A))


def sample(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (n, 2) and classes (n,)."""
    draw = np.random.default_rng(seed)
    signs = draw.integers(0, 2, size=(count, 2)) * 2 - 1
    inputs = A * signs + draw.normal(size=(count, 2))
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(signs.prod(axis=1) > 0).long()


def errs(answers: Tensor, classes: Tensor) -> float:
    """Share of wrong answers."""
    return float((answers != classes).double().mean())


def trained(count: int, *, seed: int, model: str, updates: int = 600) -> nw.Run:
    """A network that has learned from so many examples."""
    inputs, classes = sample(count, seed=seed)
    batch = min(count, 64)
    with tempfile.TemporaryDirectory() as root:
        return nw.fit(
            (inputs, classes),
            epochs=max(1, round(updates * batch / count)),
            batch_size=batch,
            learning_rate=6 / updates,
            seed=seed,
            doctor=False,
            changes=[f"model={model}", "split={val: 0, test: 0}", "training.snapshot_every=0"],
            root=Path(root),
            console=Console(quiet=True),
        )
