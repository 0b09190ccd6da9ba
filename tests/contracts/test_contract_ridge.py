"""Ridge regression: a stage in closed form, without phases or optimisers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of
from netwright.methods.base import Method, Prediction, Stage


class Ridge(Method):
    def __init__(self, features, *, penalty):
        super().__init__()
        self.linear = nn.Linear(features, 1, dtype=torch.float64)
        self.penalty = penalty

    def stages(self):
        return (Stage(name="solve", fit=self.fit),)

    def phases(self, stage):
        return ()

    @torch.no_grad()
    def fit(self, stream):
        gram, moment = 0.0, 0.0
        for one in stream:
            x = torch.cat([one.inputs, torch.ones(len(one), 1, dtype=torch.float64)], 1)
            gram, moment = gram + x.T @ x, moment + x.T @ one.targets
        penalties = torch.full((len(gram),), self.penalty, dtype=torch.float64)
        penalties[-1] = 0.0  # the bias goes free
        solution = torch.linalg.solve(gram + penalties.diag(), moment)
        self.linear.weight.copy_(solution[:-1].T)
        self.linear.bias.copy_(solution[-1])

    def predict(self, inputs):
        return Prediction(outputs=self.linear(inputs))


def batches():
    torch.manual_seed(2)
    x = torch.randn(7, 9, 4, dtype=torch.float64)
    weight = torch.tensor([[1.0], [-2.0], [0.5], [0.0]], dtype=torch.float64)
    return [batch(one, one @ weight + 3 + 0.1 * torch.randn_like(one[:, :1])) for one in x]


def no_optimizer():
    return {"name": "sgd", "learning_rate": 1.0}


@pytest.mark.parametrize("average", [{}, {"ema_decay": 0.9}, {"swa_start": 0.0}])
def test_ridge_solves_the_normal_equations(average):
    data, penalty = batches(), 0.7
    method = Ridge(4, penalty=penalty)
    # an average of the weights has no part in a solution that takes one step
    loop = loop_of(method, data, optimizer=no_optimizer(), **average)
    ended = loop.run()
    x = np.concatenate([one.inputs.numpy() for one in data])
    y = np.concatenate([one.targets.numpy() for one in data])
    # least squares of centred columns with the penalty as extra rows: no normal equations at all
    tall = np.concatenate([x - x.mean(0), np.sqrt(penalty) * np.eye(4)])
    wanted = np.linalg.lstsq(tall, np.concatenate([y - y.mean(0), np.zeros((4, 1))]), rcond=None)[0]
    bias = y.mean() - x.mean(0) @ wanted
    np.testing.assert_allclose(method.linear.weight.detach().numpy().T, wanted, rtol=1e-10)
    np.testing.assert_allclose(method.linear.bias.detach().numpy(), bias, rtol=1e-10)
    assert (ended.reason, loop.counters.step, loop.counters.stage) == ("finished", 1, 1)


def test_each_batch_is_seen_once():
    seen = []

    class Counting(Ridge):
        def fit(self, stream):
            seen.extend(one.inputs for one in stream)

    data = batches()
    loop_of(Counting(4, penalty=1.0), data, optimizer=no_optimizer(), epochs=5).run()
    assert len(seen) == len(data)
    assert all(one is other.inputs for one, other in zip(seen, data, strict=True))
