"""A controller that learns by policy gradient to choose what scores well."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import torch
from torch import Tensor

from netwright._errors import must_be
from netwright._random import derive, generator
from netwright.tune.policy import RecurrentPolicy
from netwright.tune.search import Listed, State

__all__ = ["Controller", "surrogate"]

C = TypeVar("C")

REDRAWN = 1000  # times in a row that nothing allowed comes out


def surrogate(log_probability: Tensor, *, score: float, baseline: float) -> Tensor:
    """A loss whose gradient, in the mean over what is drawn, is that of minus the expected score.

    The baseline changes the gradient's variance and not its mean, as long as it does not depend on
    what was drawn.

    Paper: Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
        Learning, 1992, https://doi.org/10.1007/BF00992696

    Args:
        log_probability: of what was drawn, ().
        score: of it; higher is better.
        baseline: what is expected anyway.
    """
    return -(score - baseline) * log_probability


class Controller(Generic[C]):
    """REINFORCE with a moving mean of the scores as baseline.

    It draws a candidate from a recurrent policy, and when it is told the score it makes what scored
    above the moving mean likelier, and the rest less likely. Choices that do not go together are
    told as the lowest score so far, without a trial.

    Paper: Neural Architecture Search with Reinforcement Learning, 2016,
        https://arxiv.org/abs/1611.01578
    Differs: one trial an update and a learning rate for tens of trials; the paper has 800 networks
        in training at a time and 12,800 trials at 0.0006. No cube of the accuracy.

    Args:
        space: of choices.
        seed: of weights and draws.
        learning_rate: of Adam, above 0.
        baseline_decay: of the moving mean, in [0, 1); 0 takes the last score.
        hidden: units of the policy.
    """

    def __init__(
        self,
        space: Listed[C],
        *,
        seed: int = 0,
        learning_rate: float = 0.01,
        baseline_decay: float = 0.9,
        hidden: int = 32,
    ) -> None:
        if not 0 < learning_rate < math.inf:
            raise must_be("learning_rate", "above 0", learning_rate)
        if not 0 <= baseline_decay < 1:
            raise must_be("baseline_decay", "in [0, 1)", baseline_decay)
        self._space = space
        self._decay = baseline_decay
        self.policy = RecurrentPolicy(
            space.choices, hidden=hidden, generator=generator(seed, "controller")
        )
        self._optimizer = torch.optim.Adam(self.policy.parameters(), lr=learning_rate)
        self._generator = torch.Generator().manual_seed(derive(seed, "search"))
        self._baseline: float | None = None
        self._lowest: float | None = None

    def ask(self) -> C:
        """What the policy draws, when it can be tried.

        Raises:
            BadValue: a thousand draws in a row could not.
        """
        for _ in range(REDRAWN):
            indices = self.policy.sample(self._generator)
            candidate = self._space.decode(indices)
            if self._space.allows(candidate):
                return candidate
            self._learn(indices, -math.inf)
        raise must_be(
            "space", "one of which something can be tried", f"{REDRAWN} that can't", "Widen it."
        )

    def tell(self, candidate: C, score: float) -> None:
        """Take a step up the gradient of the expected score."""
        self._learn(self._space.encode(candidate), score)

    def state_dict(self) -> State:
        """Policy, optimiser, means and draws."""
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "baseline": self._baseline,
            "lowest": self._lowest,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from there."""
        self.policy.load_state_dict(state["policy"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        self._baseline, self._lowest = state["baseline"], state["lowest"]

    def _learn(self, indices: tuple[int, ...], score: float) -> None:
        if not math.isfinite(score):
            if self._lowest is None:  # nothing is known that it could be worse than
                return
            score = self._lowest
        else:
            self._lowest = score if self._lowest is None else min(self._lowest, score)
        if self._baseline is None:
            self._baseline = score
        loss = surrogate(self.policy.log_probability(indices), score=score, baseline=self._baseline)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._baseline = self._decay * self._baseline + (1 - self._decay) * score
