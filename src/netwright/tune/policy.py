"""A recurrent network that makes one choice after another."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["RecurrentPolicy"]


class RecurrentPolicy(nn.Module):
    """Probabilities of each choice, given the choices before it, by an LSTM.

    Its input is the embedding of the choice before, its output goes through a softmax over what
    there is to choose from; every place has its own embedding and its own last layer.

    Paper: Neural Architecture Search with Reinforcement Learning, 2016,
        https://arxiv.org/abs/1611.01578
    Differs: one layer of 32 units where the paper has two of 35; no anchors for skips, which are
        operations among others here.

    Args:
        choices: how many there are to choose from in each place.
        hidden: units, at least 1.
        generator: of the weights it begins with, uniform within ±0.08; nearly uniform choices.
    """

    def __init__(
        self, choices: Sequence[int], *, generator: torch.Generator, hidden: int = 32
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise must_be("hidden", "at least 1", hidden)
        self.start = nn.Parameter(torch.empty(1, hidden))
        self.cell = nn.LSTMCell(hidden, hidden)
        self.embeddings = nn.ModuleList(nn.Embedding(count, hidden) for count in choices)
        self.heads = nn.ModuleList(nn.Linear(hidden, count) for count in choices)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.08, 0.08, generator=generator)

    def log_probability(self, indices: Sequence[int]) -> Tensor:
        """Of these choices together, a number () that can be differentiated."""
        steps = self._steps()
        total, logs = torch.zeros(()), next(steps)
        for place, index in enumerate(indices):
            total = total + logs[index]
            if place + 1 < len(indices):
                logs = steps.send(index)
        return total

    @torch.no_grad()
    def sample(self, generator: torch.Generator) -> tuple[int, ...]:
        """Choices drawn one after another."""
        steps = self._steps()
        logs, indices = next(steps), list[int]()
        while True:
            drawn = torch.multinomial(logs.exp(), 1, generator=generator)
            indices.append(int(drawn))
            if len(indices) == len(self.heads):
                return tuple(indices)
            logs = steps.send(indices[-1])

    def _steps(self) -> Generator[Tensor, int, None]:
        """Log-probabilities of each place; what was chosen is sent in."""
        inputs, state = self.start, None
        for embedding, head in zip(self.embeddings, self.heads, strict=True):
            state = self.cell(inputs, state)
            index = yield head(state[0])[0].log_softmax(0)
            inputs = embedding(torch.tensor([index]))
