"""Perturbations at the corners of a small box around a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright._random import generator
from netwright.explain.inside.target import Target

__all__ = ["RandomSigns"]


@dataclass(frozen=True, kw_only=True)
class RandomSigns:
    """Every number of the inputs moved by all of the bound, up or down as drawn.

    Needs nothing of the model or the method: what every explanation should withstand.

    Paper: Interpretation of Neural Networks Is Fragile, 2017, https://arxiv.org/abs/1710.10547

    Attributes:
        draws: so many perturbed inputs.
        seed: of the signs, which are the same for every picture.
    """

    draws: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise must_be("draws", "at least 1", self.draws)

    def __call__(
        self, model: nn.Module, inputs: Tensor, *, target: Target, bound: Tensor
    ) -> Iterator[Tensor]:
        """Perturbed inputs, one set after another.

        Args:
            model: not asked.
            inputs: (n, ...).
            target: not asked.
            bound: (n, 1, ...) the most that a number of each input may move.
        """
        for draw in range(self.draws):
            seeded = generator(self.seed, "signs", draw)
            signs = torch.randint(0, 2, inputs.shape[1:], generator=seeded).to(inputs) * 2 - 1
            yield inputs + bound * signs
