"""Stochastic weight averaging: the mean of epochs' ends, with statistics measured anew."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import netwright as nw
from netwright._errors import BadValue
from netwright.train.averages.equal import EqualAverage
from netwright.train.loop import Loop
from workflow_kit import blobs


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))


def test_it_is_torchs():
    net = network()
    ours = EqualAverage(net, start=0.5)
    torchs = AveragedModel(net, use_buffers=True)
    for epoch in range(1, 11):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
        ours.stepped()
        ours.epoch_ended(epoch / 10)
        if epoch > 5:
            torchs.update_parameters(net)
    assert ours.steps == 5
    for name, value in torchs.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(ours.weights[name], value)


def test_before_its_start_it_is_the_module():
    net = network()
    average = EqualAverage(net, start=0.5)
    with torch.no_grad():
        net[0].weight.add_(1)
    average.epoch_ended(0.5)
    assert torch.equal(average.weights["0.weight"], net[0].weight)
    assert average.afresh().start == 0.5


@pytest.mark.parametrize("start", [-0.1, 1.0])
def test_a_start_out_of_range_is_refused(start):
    with pytest.raises(BadValue, match="swa_start must be from 0 to below 1"):
        EqualAverage(network(), start=start)


CHANGES = [
    "model={name: mlp, hidden: [6], norm: batch}",
    "training.epochs=6",
    "training.batch_size=16",
    "training.swa_start=0.5",
    "training.restore_best=false",
    "schedule=constant",
    "preprocess={name: none}",
]


def test_a_run_ends_with_the_mean_and_its_statistics(tmp_path, monkeypatch):
    ends, step = [], Loop._step

    def stepping(loop):
        epoch = loop.counters.epoch
        step(loop)
        if loop.counters.epoch > epoch:
            ends.append(copy.deepcopy(loop.method.state_dict()))

    monkeypatch.setattr(Loop, "_step", stepping)
    x, y = blobs(96)
    data = {"train": (x[:64], y[:64]), "val": (x[64:], y[64:])}
    run = nw.fit(data, changes=CHANGES, root=tmp_path)
    found = run.method.state_dict()
    assert len(ends) == 6
    for name in (name for name, _ in run.method.named_parameters()):
        torch.testing.assert_close(found[name], torch.stack([e[name] for e in ends[3:]]).mean(0))
    # 4 batches of 16: the mean of their means is that of all
    linear = run.model[1] if isinstance(run.model[0], nn.Flatten) else run.model[0]
    norm = next(part for part in run.model.modules() if isinstance(part, nn.BatchNorm1d))
    scores = linear(torch.from_numpy(x[:64]))
    torch.testing.assert_close(norm.running_mean, scores.mean(0).detach(), rtol=1e-4, atol=1e-5)


def test_taken_up_it_ends_with_the_same_bits(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    data = blobs(96)
    whole = nw.fit(data, changes=CHANGES, root=tmp_path / "whole", name="r")
    step = Loop._step

    def stepping(loop):
        step(loop)
        if loop.counters.epoch == 5:
            raise Killed

    monkeypatch.setattr(Loop, "_step", stepping)
    with pytest.raises(Killed):
        nw.fit(data, changes=CHANGES, root=tmp_path / "cut", name="r")
    monkeypatch.setattr(Loop, "_step", step)
    again = nw.resume("r", data=data, root=tmp_path / "cut")
    for name, value in whole.method.state_dict().items():
        assert torch.equal(value, again.method.state_dict()[name]), name


def test_not_beside_the_exponential_one(tmp_path):
    with pytest.raises(BadValue, match="swa_start must be left out beside ema_decay"):
        nw.fit(blobs(60), changes=[*CHANGES, "training.ema_decay=0.9"], root=tmp_path)
