"""The loss of an update asked again: the same function each time, its curvature by autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, train
from netwright._errors import BadValue
from netwright.methods.base import Loss, Method, Phase, Prediction, trained
from netwright.train.aim import Clipping
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.objective import Objective, Written
from netwright.train.optimizers.truncated_newton import TruncatedNewton
from netwright.train.precision import Precision
from netwright.train.update import Updater


class Net(Method):
    def __init__(self, *layers):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), *layers, nn.Linear(8, 1))

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("main",), loss=self.loss),)

    def loss(self, streams):
        errors = F.mse_loss(self.net(streams.inputs).float(), streams.targets, reduction="sum")
        return Loss(total=errors, count=len(streams))

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))


def batches(count=3, *, size=20):
    torch.manual_seed(2)
    x = torch.randn(count, size, 3)
    return [batch(one, one.sin().sum(1, keepdim=True)) for one in x]


NEWTON = {"name": "truncated-newton", "learning_rate": 1.0}


def by_hand(epochs=4):
    method = Net()
    optimizer = TruncatedNewton(method.parameters(), 1.0)
    for _ in range(epochs):
        for one in batches():
            objective = Written(
                lambda one=one: F.mse_loss(method.net(one.inputs), one.targets),
                list(method.parameters()),
            )
            optimizer.step(objective)
    return method


def test_truncated_newton_is_the_loop_written_by_hand():
    ours = train(Net(), batches(), optimizer=NEWTON, epochs=4)
    for name, value in by_hand().state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_a_cut_batch_is_the_whole_one():
    whole = train(Net(), batches(1), optimizer=NEWTON, epochs=4)
    cut = train(Net(), batches(1), optimizer=NEWTON, epochs=4, micro_batch_size=7)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(cut.state_dict()[name], value, rtol=1e-3, atol=1e-4)


class Spy(torch.optim.SGD):
    """Keeps what it is handed, and asks it several times."""

    def step(self, closure):
        parameters = [p for group in self.param_groups for p in group["params"]]
        first = closure()
        slope = [p.grad.clone() for p in parameters]
        numbers = [closure.loss(), closure(), closure.loss()]
        product = closure.hessian(parameters)
        vector = [torch.ones_like(p) for p in parameters]
        Spy.seen = (first, numbers, slope, product(vector), product(vector), closure.loss())
        return first


def asked(method, monkeypatch, **options):
    monkeypatch.setattr("netwright.train.aim.reevaluates", lambda optimizer: True)
    optimizer = Spy(method.parameters(), lr=0.1)
    update = Updater(method, {"main": optimizer}, precision=Precision("fp32", "cpu"), **options)
    update.run(method.phases(None)[0], batches(1)[0])
    return Spy.seen


@pytest.mark.parametrize("micro_batch_size", [None, 6])
def test_dropout_and_statistics_are_those_of_one_evaluation(micro_batch_size, monkeypatch):
    method = Net(nn.BatchNorm1d(8), nn.Dropout(0.5))
    first, numbers, _, *products, last = asked(
        method, monkeypatch, micro_batch_size=micro_batch_size
    )
    assert [*numbers, last] == pytest.approx([first] * 4, rel=1e-6)
    for one, other in zip(*products, strict=True):
        torch.testing.assert_close(one, other)
    assert method.net[2].num_batches_tracked == (1 if micro_batch_size is None else 4)


@pytest.mark.parametrize("micro_batch_size", [None, 6])
def test_the_curvature_is_that_of_the_mean_loss(micro_batch_size, monkeypatch):
    method = Net()
    *_, slope, product, _, _ = asked(method, monkeypatch, micro_batch_size=micro_batch_size)
    one, names = batches(1)[0], [name for name, _ in method.net.named_parameters()]

    def loss(*values):
        weights = dict(zip(names, values, strict=True))
        scores = torch.func.functional_call(method.net, weights, (one.inputs,))
        return F.mse_loss(scores, one.targets)

    values = tuple(p.detach() for p in method.net.parameters())
    ones = tuple(torch.ones_like(value) for value in values)
    _, wanted = torch.autograd.functional.hvp(loss, values, ones)
    for ours, theirs in zip(product, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(slope, torch.func.grad(loss, tuple(range(4)))(*values), strict=True):
        torch.testing.assert_close(ours, theirs)


class Attention(Net):
    def __init__(self):
        super().__init__()
        self.net = nn.MultiheadAttention(4, 2, batch_first=True)
        self.last = nn.Linear(4, 1)

    def loss(self, streams):
        x = torch.cat([streams.inputs, streams.inputs[:, :1]], 1)[None]
        found = self.last(self.net(x, x, x, need_weights=False)[0][0])
        return Loss(total=F.mse_loss(found, streams.targets, reduction="sum"), count=len(streams))


def test_attention_is_bent_too():
    method, data = Attention(), batches(1)
    with torch.no_grad():
        before = method.loss(data[0]).total.item()
    train(method, data, optimizer=NEWTON, epochs=10)
    assert method.loss(data[0]).total.item() < 0.5 * before


class Two(Net):
    """Two optimisers in one phase."""

    def phases(self, stage):
        return (Phase(name="fit", optimizers=("low", "high"), loss=self.loss),)

    def parameter_groups(self, stage):
        return {"low": [trained(self.net[0])], "high": [trained(self.net[2])]}


def test_two_optimisers_of_one_phase():
    method, data = Two(), batches(1)
    before = method.loss(data[0]).total.item()
    train(method, data, optimizer=NEWTON, epochs=15)
    assert method.loss(data[0]).total.item() < 0.1 * before


def test_bf16_goes_down_too():
    method, data = Net(), batches(1)
    before = method.loss(data[0]).total.item()
    train(method, data, optimizer=NEWTON, epochs=10, precision="bf16")
    assert method.loss(data[0]).total.item() < 0.3 * before


def test_compiling_says_why_it_does_not(monkeypatch):
    plain = train(Net(), batches(), optimizer=NEWTON)
    compiled = train(Net(), batches(), optimizer=NEWTON, compile=True)
    assert same_bits(plain, compiled)


@pytest.mark.parametrize("name", ["truncated-newton", "lbfgs"])
def test_clipping_and_curvature_exclude_each_other(name):
    method = Net()
    optimizer = build_optimizer(method.parameter_groups(None)["main"], name=name, learning_rate=1.0)
    update = Updater(
        method,
        {"main": optimizer},
        precision=Precision("fp32", "cpu"),
        clipping=Clipping(norm=1.0),
    )
    with pytest.raises(BadValue, match="clipping must be left out with an optimiser that uses cur"):
        update.run(method.phases(None)[0], batches(1)[0])
    assert issubclass(Written, Objective)
