"""Nesterov's gradient at the look-ahead point: a second gradient in every step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Classifier(Method):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def phases(self, stage):
        return (Phase(name="learn", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        total = F.cross_entropy(self.net(batch.inputs), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs).argmax(1))


def network():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


def batches():
    torch.manual_seed(2)
    return [batch(torch.randn(8, 4), torch.randint(3, (8,))) for _ in range(10)]


def by_hand(*, looks_ahead=True):
    net = network()
    data = batches()
    seed_as_the_loop_does()
    velocity = [torch.zeros_like(p) for p in net.parameters()]
    for _ in range(3):
        for one in data:
            present = [p.detach().clone() for p in net.parameters()]
            if looks_ahead:
                with torch.no_grad():
                    for p, v in zip(net.parameters(), velocity, strict=True):
                        p.add_(0.9 * v)
            net.zero_grad()
            F.cross_entropy(net(one.inputs), one.targets).backward()
            with torch.no_grad():
                for p, v, old in zip(net.parameters(), velocity, present, strict=True):
                    v.mul_(0.9).sub_(p.grad, alpha=0.05)
                    if looks_ahead:
                        p.sub_(p.grad, alpha=0.05)  # w + 0.9 v - 0.05 g is w + v
                    else:
                        p.copy_(old + v)
    return net


def test_lookahead_nesterov_is_the_loop_written_by_hand():
    ours = train(
        Classifier(network()),
        batches(),
        optimizer={"name": "lookahead-nesterov", "learning_rate": 0.05, "momentum": 0.9},
        epochs=3,
    )
    # dropout's masks and the running averages are those of one evaluation a step
    assert same_bits(ours.net, by_hand())
    assert not same_bits(ours.net, by_hand(looks_ahead=False))
