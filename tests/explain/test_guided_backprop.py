"""Guided backpropagation against Captum, where that is right, and against formulas."""

from __future__ import annotations

import pytest
import torch
from captum.attr import GuidedBackprop
from torch import nn

from netwright import explain
from netwright._errors import BadType
from relu_nets import pictures, written


@pytest.mark.parametrize("target", [0, [3, 1]])
def test_it_is_captums_where_relus_are_modules(target):
    theirs = GuidedBackprop(written("modules"))
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        expected = theirs.attribute(pictures().requires_grad_(), target=target)
    found = explain.guided_backprop(written("F.relu in place"), pictures(), target=target)
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)
    plain = explain.gradient(written("modules"), pictures(), target=target)
    assert not torch.allclose(found, plain, atol=1e-3)


def test_two_layers_by_hand():
    first, second = torch.randn(5, 3), torch.randn(1, 5)
    model = nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 1, bias=False))
    model[0].weight.data, model[2].weight.data = first, second
    inputs = torch.randn(7, 3)
    by_hand = (second.clamp(min=0) * (inputs @ first.T > 0)) @ first
    assert torch.allclose(explain.guided_backprop(model, inputs), by_hand, atol=1e-6)


def test_relu6_passes_back_what_raises_the_score_between_its_bounds():
    model = nn.Sequential(nn.ReLU6(), nn.Linear(4, 1, bias=False))
    model[1].weight.data = torch.tensor([[1.0, 2.0, 3.0, -4.0]])
    found = explain.guided_backprop(model, torch.tensor([[-1.0, 1.0, 7.0, 1.0]]))
    assert found.tolist() == [[0.0, 2.0, 0.0, 0.0]]


def test_any_kind_of_real_numbers():
    found = explain.guided_backprop(
        written("method", dtype=torch.double), pictures(dtype=torch.double)
    )
    assert found.dtype == torch.double
    expected = explain.guided_backprop(written("method"), pictures())
    assert torch.allclose(found.float(), expected, rtol=1e-4, atol=1e-6)


def test_integers_are_refused():
    with pytest.raises(BadType, match="real numbers"):
        explain.guided_backprop(written("modules"), pictures().long())
