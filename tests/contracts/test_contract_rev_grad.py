"""Domain-adversarial learning by gradient reversal: two streams, one optimiser."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


class RevGrad(Method):
    def __init__(self, nets, *, steps, reverse=Reverse.apply):
        super().__init__()
        self.features, self.classes, self.domains = nets
        self.steps, self.reverse = steps, reverse
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def phases(self, stage):
        return (Phase(name="adapt", optimizers=("main",), loss=self.loss),)

    def loss(self, streams):
        source, target = streams["source"], streams["target"]
        strength = rising(int(self.seen) / self.steps)
        self.seen += 1
        features = self.features(source.inputs)
        total = F.cross_entropy(self.classes(features), source.targets, reduction="sum")
        for sign, found in ((1.0, features), (0.0, self.features(target.inputs))):
            answers = self.domains(self.reverse(found, strength))
            total = total + domain_loss(answers, sign, "sum")
        return Loss(total=total, count=len(source))

    def predict(self, inputs):
        logits = self.classes(self.features(inputs))
        return Prediction(outputs=logits.argmax(1), logits=logits)


def rising(progress):
    return 2 / (1 + math.exp(-10 * progress)) - 1


def domain_loss(answers, sign, reduction):
    wanted = torch.full_like(answers, sign)
    return F.binary_cross_entropy_with_logits(answers, wanted, reduction=reduction)


def networks():
    torch.manual_seed(1)
    features = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1))
    return nn.ModuleList([features, nn.Linear(16, 3), nn.Linear(16, 1)])


def batches():
    torch.manual_seed(2)
    return [
        {
            "source": batch(torch.randn(8, 4), torch.randint(3, (8,))),
            "target": batch(torch.randn(8, 4) + 0.5),
        }
        for _ in range(10)
    ]


def by_hand():
    features, classes, domains = nets = networks()
    data = batches()
    seed_as_the_loop_does()
    optimizer = torch.optim.SGD(nets.parameters(), lr=0.05, momentum=0.9, fused=True)
    for step in range(30):
        one = data[step % 10]
        strength = rising(step / 30)
        source = features(one["source"].inputs)
        loss = F.cross_entropy(classes(source), one["source"].targets)
        loss = loss + domain_loss(domains(Reverse.apply(source, strength)), 1.0, "mean")
        target = features(one["target"].inputs)
        loss = loss + domain_loss(domains(Reverse.apply(target, strength)), 0.0, "mean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nets


@pytest.mark.parametrize("reversed_", [True, False])
def test_rev_grad_is_the_loop_written_by_hand(reversed_):
    reverse = Reverse.apply if reversed_ else lambda features, strength: features
    ours = train(
        RevGrad(networks(), steps=30, reverse=reverse),
        batches(),
        optimizer={"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
        epochs=3,
    )
    nets = nn.ModuleList([ours.features, ours.classes, ours.domains])
    assert same_bits(nets, by_hand()) is reversed_
