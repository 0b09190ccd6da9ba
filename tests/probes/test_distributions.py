"""Histograms of a network while it trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright.probes.distributions import Distributions, unit_axis
from netwright.probes.histogram import histogram


def test_weights_gradients_and_activations_are_those_of_the_step():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 1))
    inputs = torch.randn(5, 3)
    with Distributions(module, bins=5) as probe:
        probe.at(0)
        module(inputs).square().sum().backward()
        rows = probe.read()
    hidden = module[0](inputs)
    assert probe.found["weights/0.weight"] == histogram(module[0].weight, bins=5, unit_axis=0)
    assert probe.found["gradients/2.bias"] == histogram(module[2].bias.grad, bins=5, unit_axis=0)
    assert probe.found["activations/0"] == histogram(hidden, bins=5, unit_axis=1)
    assert probe.found["activations/1"] == histogram(hidden.relu(), bins=5, unit_axis=1)
    assert rows["0.weight"]["gradient_deviation"] == probe.found["gradients/0.weight"].deviation
    assert rows["1"]["zeros"] == int((hidden <= 0).sum()) / 20


def test_a_step_that_is_left_out_has_nothing():
    module = nn.Linear(2, 2)
    with Distributions(module, when=lambda step: step == 1) as probe:
        for step in range(2):
            probe.at(step)
            module(torch.ones(1, 2))
            assert bool(probe.read()) is (step == 1)
            assert bool(probe.found) is (step == 1)


@pytest.mark.parametrize(
    ("module", "shape", "axis"),
    [
        (nn.ReLU(), (2, 3), 1),
        (nn.ReLU(), (2, 3, 4, 4), 1),
        (nn.ReLU(), (2, 3, 4), None),
        (nn.ReLU(), (2,), None),
        (nn.Linear(4, 4), (2, 3, 4), 2),
        (nn.LayerNorm(4), (2, 5, 5, 4), 3),
        (nn.Conv1d(3, 3, 1), (2, 3, 4), 1),
    ],
)
def test_which_axis_counts_units(module, shape, axis):
    assert unit_axis(module, torch.zeros(shape)) == axis
