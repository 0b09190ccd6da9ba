"""The kernels called directly against the optimisers' own `step`, bit for bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright.train.optimizers.direct import Direct
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum

KINDS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "dampened": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    "upwards": (torch.optim.SGD, {"lr": 0.1, "maximize": True}),
    "averaged": (MovingAverageMomentum, {"lr": 0.1, "momentum": 0.9}),
    "adam": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-4}),
    "amsgrad": (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True}),
    "adam-up": (torch.optim.Adam, {"lr": 0.01, "maximize": True}),
}


def pair(kind, **more):
    """Two equal nets with an optimiser each, in two groups of unlike options."""
    made, options = KINDS[kind]
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))]
    nets.append(copy.deepcopy(nets[0]))
    optimizers = []
    for net in nets:
        first, second = list(net[0].parameters()), list(net[2].parameters())
        groups = [{"params": first}, {"params": second, "weight_decay": 0.01}]
        optimizers.append(made(groups, **options, fused=True, **more))
    return nets, optimizers


def learn(nets, optimizers, steps, *, direct, each=None):
    generator = torch.Generator().manual_seed(steps)
    for number in range(steps):
        inputs = torch.randn(6, 4, generator=generator)
        for net, optimizer in zip(nets, optimizers, strict=True):
            net.zero_grad()
            net(inputs).square().sum().backward()
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * 0.97
        if each is not None:
            each(number)
        optimizers[0].step()
        direct.step()


def same(nets, optimizers):
    one, other = (optimizer.state_dict()["state"] for optimizer in optimizers)
    return all(map(torch.equal, *(net.parameters() for net in nets))) and all(
        torch.equal(one[place][name], other[place][name])
        for place in one
        for name in one[place]
        if one[place][name] is not None
    )


@pytest.mark.parametrize("kind", KINDS)
def test_as_the_optimisers_own_step(kind):
    nets, optimizers = pair(kind)
    learn(nets, optimizers, 12, direct=Direct(optimizers[1]))
    assert same(nets, optimizers)


@pytest.mark.parametrize("kind", ["momentum", "averaged", "adamw"])
def test_the_kernels_are_what_is_called(kind, monkeypatch):
    nets, optimizers = pair(kind)
    direct = Direct(optimizers[1])
    learn(nets, optimizers, 2, direct=direct)  # the first step fills the state
    monkeypatch.setattr(optimizers[1], "step", lambda: pytest.fail("went through step"))
    learn(nets, optimizers, 3, direct=direct)
    assert same(nets, optimizers)


@pytest.mark.parametrize("kind", ["momentum", "adamw"])
def test_goes_on_after_a_state_was_loaded(kind):
    nets, optimizers = pair(kind)
    direct = Direct(optimizers[1])
    learn(nets, optimizers, 3, direct=direct)
    kept = [copy.deepcopy(optimizer.state_dict()) for optimizer in optimizers]
    learn(nets, optimizers, 3, direct=direct)
    for optimizer, state in zip(optimizers, kept, strict=True):
        optimizer.load_state_dict(state)
    learn(nets, optimizers, 3, direct=direct)
    assert same(nets, optimizers)


def test_hooks_are_heard_and_parameters_without_gradient_stay():
    nets, optimizers = pair("adamw")
    heard = []

    def without_gradient(number):
        if number == 4:
            for net in nets:
                net[2].bias.grad = None
        if number == 6:
            optimizers[1].register_step_pre_hook(lambda *_: heard.append(number))

    learn(nets, optimizers, 8, direct=Direct(optimizers[1]), each=without_gradient)
    assert same(nets, optimizers)
    assert len(heard) == 2
