"""Parts of larger sets, drawn anew for each seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netwright.data.open import open_data

__all__ = ["part_of"]

HELD_OUT = 2000  # test examples of a part


def part_of(name: str, *, count: int, seed: int) -> dict[str, Any]:
    """Training, validation and test examples drawn from a larger set."""
    data = open_data(name)
    splits = data.splits
    if data.target.values is None:
        raise SystemExit(f"{name} has no targets")
    draw = np.random.default_rng(seed)
    train = torch.from_numpy(draw.permutation(splits["train"].numpy())[: count + count // 4])
    test = torch.from_numpy(draw.permutation(splits["test"].numpy())[:HELD_OUT])
    places = {"train": train[:count], "val": train[count:], "test": test}
    targets = data.target.values
    return {split: (data.samples.take(at), targets[at]) for split, at in places.items()}
