"""Supervised learning: the loop equals a hand-written one."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Supervised(Method):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        total = F.cross_entropy(self.net(batch.inputs), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        logits = self.net(inputs)
        return Prediction(outputs=logits.argmax(1), logits=logits)


def network():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(8 * 4 * 4, 3),
    )


def batches():
    torch.manual_seed(2)
    return [batch(torch.randn(12, 3, 8, 8), torch.randint(3, (12,))) for _ in range(10)]


def by_hand(net, batches, *, epochs, **options):
    seed_as_the_loop_does()
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), fused=True, **options)
    net.train()
    for _ in range(epochs):
        for one in batches:
            optimizer.zero_grad()
            F.cross_entropy(net(one.inputs), one.targets).backward()
            optimizer.step()
    return net


def test_supervised_is_the_loop_written_by_hand():
    hand = by_hand(network(), batches(), epochs=3, lr=0.05, momentum=0.9, weight_decay=1e-3)
    ours = train(
        Supervised(network()),
        batches(),
        optimizer={"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3},
        epochs=3,
    )
    assert same_bits(ours.net, hand)


def test_equality_is_of_bits():
    optimizer = {"name": "sgd", "learning_rate": 0.05}
    ours = train(Supervised(network()), batches(), optimizer=optimizer, epochs=3)
    start = by_hand(network(), batches(), epochs=0, lr=0.05)
    assert not same_bits(ours.net, start)  # it learned
    assert not same_bits(ours.net, by_hand(network(), batches(), epochs=3, lr=0.0500001))
    other_seed = train(Supervised(network()), batches(), optimizer=optimizer, epochs=3, seed=1)
    assert not same_bits(ours.net, other_seed.net)  # by dropout alone
    again = train(Supervised(copy.deepcopy(network())), batches(), optimizer=optimizer, epochs=3)
    assert same_bits(ours.net, again.net)
