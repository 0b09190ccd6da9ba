"""Truncated back-propagation through time: the hidden state is carried from batch to batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Carried:
    """The hidden state between batches."""

    def __init__(self):
        self.hidden = None

    def state_dict(self):
        return {"hidden": self.hidden}

    def load_state_dict(self, state):
        self.hidden = state["hidden"]


class TruncatedBptt(Method):
    def __init__(self, nets, *, carries=True):
        super().__init__()
        self.embed, self.recurrent, self.readout = nets
        self.carried, self.carries = Carried(), carries
        self.register_stateful("carried", self.carried)

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss, accumulates=False),)

    def loss(self, batch):
        hidden = self.carried.hidden if self.carries else None
        outputs, hidden = self.recurrent(self.embed(batch.inputs), hidden)
        self.carried.hidden = hidden.detach()
        logits = self.readout(outputs).flatten(0, 1)
        total = F.cross_entropy(logits, batch.targets.flatten(), reduction="sum")
        return Loss(total=total, count=batch.targets.numel())

    def predict(self, inputs):
        logits = self.readout(self.recurrent(self.embed(inputs))[0])
        return Prediction(outputs=logits.argmax(-1), logits=logits)


def networks():
    torch.manual_seed(1)
    return nn.ModuleList([nn.Embedding(7, 8), nn.GRU(8, 12, batch_first=True), nn.Linear(12, 7)])


def batches():
    torch.manual_seed(2)
    tokens = torch.randint(7, (4, 10 * 6 + 1))
    return [batch(tokens[:, at : at + 6], tokens[:, at + 1 : at + 7]) for at in range(0, 60, 6)]


def by_hand():
    embed, recurrent, readout = nets = networks()
    data = batches()
    seed_as_the_loop_does()
    optimizer = torch.optim.Adam(nets.parameters(), lr=1e-2, fused=True)
    hidden = None
    for _ in range(3):
        for one in data:
            if hidden is not None:
                hidden = hidden.detach()
            outputs, hidden = recurrent(embed(one.inputs), hidden)
            loss = F.cross_entropy(readout(outputs).flatten(0, 1), one.targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(nets.parameters(), 0.25)
            optimizer.step()
    return nets


@pytest.mark.parametrize(("carries", "clip", "equal"), [(1, 0.25, 1), (0, 0.25, 0), (1, 0.5, 0)])
def test_truncated_bptt_is_the_loop_written_by_hand(carries, clip, equal):
    ours = train(
        TruncatedBptt(networks(), carries=bool(carries)),
        batches(),
        optimizer={"name": "adam", "learning_rate": 1e-2},
        clip_norm=clip,
        epochs=3,
    )
    assert same_bits(nn.ModuleList([ours.embed, ours.recurrent, ours.readout]), by_hand()) is bool(
        equal
    )
