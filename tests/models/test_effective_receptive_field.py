"""The effective field against fields and Gaussians that are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models.graph import describe, effective_receptive_field


def blurs(depth):
    """Equal weights: the profile is a box convolved with itself, close to a Gaussian."""
    net = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(depth)))
    for layer in net:
        nn.init.constant_(layer.weight, 1 / 9)
    return net


@pytest.mark.parametrize("depth", [6, 16])
def test_equal_weights_make_the_gaussian_of_the_central_limit(depth):
    """σ² = depth · (3² − 1)/12, the variance of a sum of uniform steps."""
    found = effective_receptive_field(
        blurs(depth), torch.zeros(1, 1, 63, 63), layers=str(depth - 1)
    )
    for axis in found[str(depth - 1)].axes:
        assert axis.sigma == pytest.approx(math.sqrt(depth * 2 / 3), rel=0.05)
        assert axis.centre == pytest.approx(31, abs=1e-3)
        assert axis.fit > 0.998
        assert axis.size == 4 * axis.sigma


def test_it_is_smaller_than_the_theoretical_field_and_grows_as_a_root():
    nets = {depth: blurs(depth) for depth in (4, 16)}
    size = {
        depth: effective_receptive_field(net, torch.zeros(1, 1, 63, 63), layers=str(depth - 1))[
            str(depth - 1)
        ]
        .axes[0]
        .size
        for depth, net in nets.items()
    }
    theory = {
        depth: describe(net, (1, 63, 63)).layers[-1].receptive_field for depth, net in nets.items()
    }
    assert size[16] < theory[16][0].size == 33
    assert size[16] / size[4] == pytest.approx(2, rel=0.05)  # four times as deep


def test_each_axis_has_its_own_and_zero_outside_the_field():
    net = nn.Conv2d(3, 4, (9, 3), padding=(4, 1))
    nn.init.constant_(net.weight, 0.1)
    seen = effective_receptive_field(nn.Sequential(net), torch.randn(2, 3, 21, 21), layers=["0"])[
        "0"
    ]
    assert seen.axes[0].sigma > 2 * seen.axes[1].sigma
    assert [sum(one > 0 for one in profile) for profile in seen.profiles] == [9, 3]
    assert seen.examples == 2


def test_magnitudes_are_averaged_over_inputs_and_the_model_stays():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(inplace=True), nn.Conv1d(8, 1, 5))
    inputs = torch.randn(3, 1, 20)
    seen = effective_receptive_field(net, inputs, layers="2")["2"]
    expected = torch.zeros(20)
    for one in inputs:
        x = one[None].clone().requires_grad_()
        out = net(x)
        (gradient,) = torch.autograd.grad(out[0, 0, out.shape[-1] // 2], x)
        expected += gradient[0, 0].abs()
    assert torch.allclose(torch.tensor(seen.profiles[0]), expected / expected.max(), atol=1e-6)
    assert net.training
    assert all(value.grad is None for value in net.parameters())
    assert not net[2]._forward_hooks


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_inputs_are_taken_to_the_models_precision(kind):
    net = blurs(3).to(kind)
    seen = effective_receptive_field(net, torch.zeros(1, 1, 15, 15), layers="2")["2"]
    expected = effective_receptive_field(blurs(3), torch.zeros(1, 1, 15, 15), layers="2")["2"]
    assert seen.axes[0].sigma == pytest.approx(expected.axes[0].sigma, rel=0.02)


@pytest.mark.gpu
def test_inputs_are_taken_to_the_models_device():
    seen = effective_receptive_field(blurs(3).cuda(), torch.zeros(1, 1, 15, 15), layers="2")["2"]
    assert sum(one > 0 for one in seen.profiles[0]) == 7


def test_refusals():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten())
    with pytest.raises(BadValue, match="layer must be a known layer"):
        effective_receptive_field(net, torch.zeros(1, 1, 8, 8), layers="2")
    with pytest.raises(BadValue, match="layer must be one with positions"):
        effective_receptive_field(net, torch.zeros(1, 1, 8, 8), layers="1")
    with pytest.raises(BadValue, match="inputs must be numbers that have a gradient"):
        effective_receptive_field(net, torch.zeros(1, 1, 8, 8, dtype=torch.long), layers="0")
    nn.init.zeros_(net[0].weight)
    with pytest.raises(BadValue, match="whose middle unit depends on the input"):
        effective_receptive_field(net, torch.zeros(1, 1, 8, 8), layers="0")
