"""Hooks that only look, hooks that may do more, and steps that leave no trace."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from netwright.methods.base import Method, Prediction
from netwright.probes import Activations
from netwright.train.shadow import Hooks, untouched


class Pool:
    """A part with a state of its own."""

    def __init__(self):
        self.kept = []

    def state_dict(self):
        return {"kept": list(self.kept)}

    def load_state_dict(self, state):
        self.kept = list(state["kept"])


class Net(Method):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.register_buffer("mean", torch.zeros(1))
        self.pool = Pool()
        self.register_stateful("pool", self.pool)

    def phases(self, stage):
        return ()

    def predict(self, inputs):
        return Prediction(outputs=self.net(inputs))


def test_a_hook_that_only_looks_says_when():
    method = Net()
    hooks = Hooks(method)
    assert not hooks.any()
    with Activations(method, when=lambda step: step == 3) as probe:
        assert hooks.any()
        assert hooks.of_unknown_effect() is None
        probe.at(2)
        assert not hooks.are_due()
        probe.at(3)
        assert hooks.are_due()
        with hooks.hidden():
            method.predict(torch.ones(2, 2))
            assert not hooks.any()
        assert not probe.read()
        method.predict(torch.ones(2, 2))
        assert probe.read()
    assert not hooks.any()


def test_a_hook_of_unknown_effect_is_named():
    method = Net()
    hooks = Hooks(method)
    for put in (
        method.net[0].register_forward_hook,
        method.net[0].register_forward_pre_hook,
        method.net[0].register_full_backward_hook,
        method.net[0].register_full_backward_pre_hook,
    ):
        handle = put(lambda *_: None)
        assert hooks.of_unknown_effect() == "net.0"
        handle.remove()
        assert hooks.of_unknown_effect() is None
    handle = method.net[0].weight.register_hook(lambda gradient: gradient * 2)
    assert hooks.of_unknown_effect() == "a parameter"
    handle.remove()
    assert not hooks.any()


def test_nothing_of_the_block_is_left():
    method = Net()
    mean = method.mean
    before = {name: value.clone() for name, value in method.state_dict().items()}
    drawn = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with untouched(method):
        method.net(torch.randn(4, 2))
        method.mean = torch.ones(1)
        method.pool.kept.append(1)
        np.random.rand()
        random.random()
    assert method.mean is mean
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert method.pool.kept == []
    assert torch.equal(torch.get_rng_state(), drawn[0])
    assert (np.random.get_state()[1] == drawn[1]).all()
    assert random.getstate() == drawn[2]
