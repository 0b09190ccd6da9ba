"""The derivative by the inputs, and saliency."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Saliency
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue


def network():
    return nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(36, 5)
    )


def test_gradient_is_the_quotient_of_differences():
    model, inputs = network().double(), torch.rand(2, 3, 5, 5, dtype=torch.double)
    found = explain.gradient(model, inputs, target=2)
    step = torch.zeros_like(inputs)
    step[:, 1, 2, 3] = 1e-6
    with torch.no_grad():
        difference = (model(inputs + step) - model(inputs - step))[:, 2] / 2e-6
    assert torch.allclose(found[:, 1, 2, 3], difference, atol=1e-8)


def test_inputs_and_weights_are_left_alone():
    model, inputs = network(), torch.randn(2, 3, 5, 5)
    before = inputs.clone()
    explain.saliency(model, inputs)
    assert torch.equal(inputs, before)
    assert all(value.grad is None for value in model.parameters())


def test_saliency_is_captums_over_the_largest_colour():
    model, inputs = network()[1:], torch.rand(2, 3, 5, 5)
    theirs = Saliency(model).attribute(inputs.clone().requires_grad_(), target=4).amax(1)
    assert torch.allclose(explain.saliency(model, inputs, target=4), theirs, atol=1e-6)


def test_rows_have_one_number_a_column():
    assert explain.saliency(nn.Linear(7, 2), torch.randn(3, 7)).shape == (3, 7)


@pytest.mark.parametrize(
    ("model", "inputs", "error", "words"),
    [
        (nn.Linear(3, 2), torch.zeros(1, 3, dtype=torch.long), BadType, "real numbers"),
        (nn.Sequential(nn.Linear(3, 2), nn.Threshold(1e9, 0.0)), [1.0], BadType, "real numbers"),
    ],
)
def test_what_has_no_gradient_is_refused(model, inputs, error, words):
    with pytest.raises(error, match=words):
        explain.gradient(model, inputs)


def test_a_model_that_ignores_its_inputs_is_named():
    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return self.bias.expand(len(x), 2)

    with pytest.raises(BadValue, match="differentiable by its inputs"):
        explain.gradient(Deaf(), torch.zeros(1, 3))
    with pytest.raises(BadValue, match="without a graph"):
        explain.gradient(nn.Sequential(nn.Linear(3, 2), Round()), torch.zeros(1, 3))


class Round(nn.Module):
    def forward(self, x):
        return x.detach()
