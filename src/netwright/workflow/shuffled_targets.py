"""Targets that say nothing of the inputs, for a twin of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from netwright import _random
from netwright.data.dataset import Data

__all__ = ["LEARNED_FROM", "with_shuffled_targets"]

LEARNED_FROM = ("train", "val")


def with_shuffled_targets(data: Data, splits: Mapping[str, Tensor], *, seed: int) -> Data:
    """The same examples, the targets of each split that is learned from dealt out anew.

    Each split keeps how often it has every target. What a network learns of such data it learns by
    heart, so a way of explaining it that shows the same as for the network of the true targets
    shows the pictures and not what was learned.

    Paper: Understanding deep learning requires rethinking generalization, 2016,
    https://arxiv.org/abs/1611.03530; as a test of explanations: Sanity Checks for Saliency Maps,
    2018, https://arxiv.org/abs/1810.03292

    Args:
        data: with targets.
        splits: index of each split.
        seed: of the shuffling.
    """
    if data.target.values is None:
        return data
    dealt = data.target.values.clone()
    for split in LEARNED_FROM:
        index = splits.get(split, torch.zeros(0, dtype=torch.int64))
        generator = torch.Generator().manual_seed(_random.derive(seed, "shuffled", split))
        order = torch.randperm(len(index), generator=generator)
        dealt[index] = data.target.values[index[order]]
    return replace(data, target=replace(data.target, values=dealt))
