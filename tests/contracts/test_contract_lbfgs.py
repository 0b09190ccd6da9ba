"""L-BFGS: the loss and its gradient are taken again within a step."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, train
from netwright.methods.base import Loss, Method, Phase, Prediction


class Regression(Method):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("main",), loss=self.loss),)

    def loss(self, batch):
        total = F.mse_loss(self.net(batch.inputs), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def batches():
    torch.manual_seed(2)
    x = torch.randn(3, 16, 3)
    return [batch(one, one.sin().sum(1, keepdim=True)) for one in x]


def by_hand(**options):
    net = network()
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, **options)
    for _ in range(10):
        for one in batches():

            def closure(one=one):
                optimizer.zero_grad()
                loss = F.mse_loss(net(one.inputs), one.targets)
                loss.backward()
                return loss

            optimizer.step(closure)
    return net


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_is_the_loop_written_by_hand(line_search):
    options = {"max_iter": 4, "history_size": 5, "line_search_fn": line_search}
    optimizer = {"name": "lbfgs", "learning_rate": 0.5}
    ours = train(Regression(network()), batches(), optimizer={**optimizer, **options}, epochs=10)
    assert same_bits(ours.net, by_hand(**options))
    assert not same_bits(ours.net, by_hand(**{**options, "max_iter": 3}))
    assert not same_bits(ours.net, by_hand(**{**options, "history_size": 2}))
