"""A capsule network: its reconstruction is made from the capsule that the label names."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Capsules(nn.Module):
    """Primary capsules of 4 units, routed to 3 classes of 6 units."""

    def __init__(self):
        super().__init__()
        self.primary = nn.Conv2d(1, 8, 3, stride=2)
        self.votes = nn.Parameter(torch.randn(18, 3, 6, 4) * 0.2)

    def forward(self, pictures):
        low = self.primary(pictures).flatten(1).view(len(pictures), 18, 4)
        votes = torch.einsum("ikdu,niu->nikd", self.votes, squash(low))
        logits = votes.new_zeros(votes.shape[:3])
        for _ in range(3):
            high = squash((logits.softmax(2).unsqueeze(3) * votes).sum(1))
            logits = logits + (votes * high.unsqueeze(1)).sum(3)
        return high


class CapsuleMethod(Method):
    def __init__(self, capsules, decoder, *, from_label=True):
        super().__init__()
        self.capsules, self.decoder, self.from_label = capsules, decoder, from_label

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        high = self.capsules(batch.inputs)
        named = batch.targets if self.from_label else high.norm(dim=2).argmax(1)
        rebuilt = self.decoder((high * F.one_hot(named, 3).unsqueeze(2)).flatten(1))
        rebuilding = (rebuilt - batch.inputs.flatten(1)).square().sum()
        margin = margins(high.norm(dim=2), batch.targets).sum()
        return Loss(
            total=margin + 5e-3 * rebuilding,
            count=len(batch),
            terms={"margin": margin, "reconstruction": rebuilding},
            term_weights={"margin": 1.0, "reconstruction": 5e-3},
        )

    def predict(self, inputs):
        return Prediction(outputs=self.capsules(inputs).norm(dim=2).argmax(1))


def squash(vectors):
    square = vectors.square().sum(-1, keepdim=True)
    return square / (1 + square) * vectors / (square + 1e-8).sqrt()


def margins(lengths, targets):
    wanted = F.one_hot(targets, 3)
    present, absent = (0.9 - lengths).relu().square(), (lengths - 0.1).relu().square()
    return wanted * present + 0.5 * (1 - wanted) * absent


def networks():
    torch.manual_seed(1)
    decoder = nn.Sequential(nn.Linear(18, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
    return Capsules(), decoder


def batches():
    torch.manual_seed(2)
    return [batch(torch.rand(8, 1, 8, 8), torch.randint(3, (8,))) for _ in range(10)]


def by_hand():
    capsules, decoder = nets = nn.ModuleList(networks()).to(memory_format=torch.channels_last)
    data = batches()
    seed_as_the_loop_does()
    optimizer = torch.optim.Adam(nets.parameters(), lr=1e-2, fused=True)
    for _ in range(3):
        for one in data:
            high = capsules(one.inputs)
            chosen = high * F.one_hot(one.targets, 3).unsqueeze(2)
            rebuilt = decoder(chosen.flatten(1))
            error = F.mse_loss(rebuilt, one.inputs.flatten(1), reduction="none").sum()
            loss = (margins(high.norm(dim=2), one.targets).sum() + 5e-3 * error) / len(one)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return nets


@pytest.mark.parametrize("from_label", [True, False])
def test_capsules_are_the_loop_written_by_hand(from_label):
    ours = train(
        CapsuleMethod(*networks(), from_label=from_label),
        batches(),
        optimizer={"name": "adam", "learning_rate": 1e-2},
        epochs=3,
    )
    assert same_bits(nn.ModuleList([ours.capsules, ours.decoder]), by_hand()) is from_label
