"""Gaussian noise on the gradients that dies away in the course of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netwright import _random
from netwright._errors import must_be

__all__ = ["GradientNoise"]


class GradientNoise:
    """g ← g + N(0, η / (1 + t)^γ), entry by entry; t counts the steps of the run from 0.

    When to use it: deep or awkward networks that get stuck early, most of all from a poor
    initialisation. It is put on after clipping, so that its size is what it says.

    The numbers come from a generator of its own, seeded by the run: every process of a run draws
    the same, a run without noise draws nothing else than before, and a resumed run goes on in the
    same row.

    Paper: Adding Gradient Noise Improves Learning for Very Deep Networks, Neelakantan et al. 2015,
        https://arxiv.org/abs/1511.06807

    Args:
        seed: of the run.
        eta: η, the variance at the first step, above 0; the paper chooses among 0.01, 0.3 and 1.
        gamma: γ, how fast it falls, at least 0; the paper's is 0.55.
        device: of the gradients.
    """

    def __init__(
        self,
        *,
        seed: int,
        eta: float = 0.01,
        gamma: float = 0.55,
        device: torch.device | None = None,
    ) -> None:
        if not 0 < eta < math.inf:
            raise must_be("eta", "above 0", eta, "The paper chooses among 0.01, 0.3 and 1.")
        if not 0 <= gamma < math.inf:
            raise must_be("gamma", "at least 0", gamma, "The paper's is 0.55.")
        self._eta, self._gamma = eta, gamma
        self._device = device or torch.device("cpu")
        self._generator = _random.generator(seed, "gradient-noise", device=self._device)
        self._flat = torch.empty(0, device=self._device)
        self._shapes: list[torch.Size] = []
        self._views: list[Tensor] = []

    def deviation(self, step: int) -> float:
        """Standard deviation at a step.

        Example:
            >>> GradientNoise(seed=0, eta=0.01, gamma=1.0).deviation(3)
            0.05
        """
        return math.sqrt(self._eta / (1 + step) ** self._gamma)

    def add(self, gradients: Sequence[Tensor], *, step: int) -> None:
        """Put noise on gradients, in place.

        Raises:
            BadValue: they are sparse, or not all on the device.
        """
        if not gradients:
            return
        shapes = [gradient.shape for gradient in gradients]
        if shapes != self._shapes:
            self._lay_out(gradients)
        # one draw for all: many small ones cost more than the numbers
        self._flat.normal_(0.0, self.deviation(step), generator=self._generator)
        torch._foreach_add_(list(gradients), self._views)

    def state_dict(self) -> dict[str, Any]:
        """Where the row of numbers is."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on in the row."""
        self._generator.set_state(state["generator"])

    def _lay_out(self, gradients: Sequence[Tensor]) -> None:
        for gradient in gradients:
            if gradient.layout is not torch.strided or gradient.device != self._device:
                raise must_be(
                    "gradient_noise",
                    f"left out where a gradient is sparse or not on {self._device}",
                    f"one that is {gradient.layout} on {gradient.device}",
                )
        shapes = [gradient.shape for gradient in gradients]
        sizes = [shape.numel() for shape in shapes]
        self._flat = torch.empty(sum(sizes), device=self._device)
        pieces = torch.split(self._flat, sizes)
        self._views = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        self._shapes = shapes
