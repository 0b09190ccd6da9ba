"""The exponential average of the weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netwright._errors import BadValue
from netwright.train.averages.base import holding
from netwright.train.averages.exponential import ExponentialAverage


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))


def wander(net, steps):
    torch.manual_seed(2)
    for _ in range(steps):
        net(torch.randn(6, 3))  # moves the running statistics too
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        yield


def test_a_short_average_is_that_of_torch():
    # below 2 / 11 the warm-up never holds, so that the decay is constant as torch's is
    net = network()
    ours = ExponentialAverage(net, decay=0.15)
    torchs = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.15), use_buffers=True)
    torchs.update_parameters(net)  # torch's first update is a copy
    for _ in wander(net, 8):
        ours.stepped()
        torchs.update_parameters(net)
    for name, value in torchs.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(ours.weights[name], value)
        else:  # torch averages a count of batches too
            assert torch.equal(ours.weights[name], net.state_dict()[name])


def test_the_start_weighs_little():
    net = network()
    average = ExponentialAverage(net, decay=0.9)
    wanted = {name: value.double().clone() for name, value in net.state_dict().items()}
    for step, _ in enumerate(wander(net, 120), start=1):
        average.stepped()
        decay = min(0.9, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                wanted[name] = decay * wanted[name] + (1 - decay) * value.double()
            else:
                wanted[name] = value.double()
    for name, value in average.weights.items():
        torch.testing.assert_close(value.double(), wanted[name], rtol=1e-5, atol=1e-6)
        assert value.dtype is net.state_dict()[name].dtype


def test_applied_lends_the_average_and_gives_back_the_weights():
    net = network()
    average = ExponentialAverage(net, decay=0.5)
    for _ in wander(net, 3):
        average.stepped()
    own = copy.deepcopy(net.state_dict())

    def fails_in_the_middle():
        with holding(net, average.weights):
            for name, value in net.state_dict().items():
                assert torch.equal(value, average.weights[name])
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fails_in_the_middle()
    for name, value in net.state_dict().items():
        assert torch.equal(value, own[name])
        assert not value.is_floating_point() or not torch.equal(value, average.weights[name])


def test_it_goes_on_after_an_interruption():
    net, other = network(), network()
    whole, first = ExponentialAverage(net, decay=0.9), ExponentialAverage(other, decay=0.9)
    for _ in wander(net, 7):
        whole.stepped()
    for step, _ in enumerate(wander(other, 7)):
        if step == 3:
            kept = copy.deepcopy(first.state_dict())
            first = ExponentialAverage(other, decay=0.9)
            first.load_state_dict(kept)
        first.stepped()
    assert all(torch.equal(whole.weights[name], first.weights[name]) for name in whole.weights)


def test_tied_weights_are_lent_and_given_back_once():
    net = network()
    net[3] = nn.Linear(5, 5)
    net.append(net[3])
    average = ExponentialAverage(net, decay=0.5)
    for _ in wander(net, 3):
        average.stepped()
    own = copy.deepcopy(net.state_dict())
    with holding(net, average.weights):
        assert torch.equal(net[3].weight, average.weights["4.weight"])
        assert torch.equal(net[3].weight, average.weights["3.weight"])
    assert all(torch.equal(value, own[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_decays_that_are_refused(decay):
    with pytest.raises(BadValue, match="ema_decay must be from 0 to below 1"):
        ExponentialAverage(network(), decay=decay)
