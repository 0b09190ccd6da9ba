"""SmoothGrad against the closed forms of a quadratic and a cubic function."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue
from netwright._random import generator
from relu_nets import pictures, written

MATRIX = torch.tensor([[2.0, 1.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, 3.0]])


class Quadratic(nn.Module):
    """½ xᵀAx, whose gradient is Ax."""

    def forward(self, x):
        return 0.5 * ((x @ MATRIX) * x).sum(1, keepdim=True)


class Cubic(nn.Module):
    """Σ xᵢ³, whose mean gradient under noise is 3 (x² + σ²)."""

    def forward(self, x):
        return (x**3).sum(1, keepdim=True)


def test_of_a_quadratic_it_is_the_gradient_at_the_mean_of_the_noise():
    inputs = torch.tensor([[0.0, 1.0, 4.0], [2.0, 2.0, -8.0]])  # ranges 4 and 10
    drawn = torch.stack([torch.randn(3, generator=generator(9, "smoothgrad", s)) for s in range(6)])
    at = inputs + 0.25 * torch.tensor([[4.0], [10.0]]) * drawn.mean(0)
    found = explain.smoothgrad(Quadratic(), inputs, noise=0.25, samples=6, seed=9)
    assert torch.allclose(found, at @ MATRIX, atol=1e-4)


def test_of_a_cubic_it_is_the_expectation_within_its_error():
    inputs = torch.tensor([[0.0, 1.0, 2.0]])
    sigma, samples = 0.5 * 2.0, 4000
    found = explain.smoothgrad(Cubic(), inputs, noise=0.5, samples=samples, batch_size=500)
    variance = 36 * inputs**2 * sigma**2 + 18 * sigma**4  # of 3 (x + σz)²
    assert ((found - 3 * (inputs**2 + sigma**2)).abs() < 4 * (variance / samples).sqrt()).all()


def test_without_noise_it_is_the_gradient():
    model, inputs = written("F.relu"), pictures()
    found = explain.smoothgrad(model, inputs, target=1, noise=0.0, samples=3)
    assert torch.allclose(found, explain.gradient(model, inputs, target=1), atol=1e-6)


def test_the_batch_is_bounded_and_makes_no_difference():
    model, sizes = written("F.relu"), []
    with model.register_forward_hook(lambda *run: sizes.append(len(run[2]))):
        found = explain.smoothgrad(model, pictures(3), samples=7, batch_size=5)
    assert max(sizes) == 5
    assert sum(sizes) == 3 + 3 * 7
    whole = explain.smoothgrad(model, pictures(3), samples=7, batch_size=100)
    assert torch.allclose(found, whole, atol=1e-6)


def test_the_class_is_that_without_noise():
    model, inputs = written("F.relu"), pictures()
    top = model(inputs).argmax(1)
    found = explain.smoothgrad(model, inputs, noise=2.0, samples=4)
    assert torch.equal(found, explain.smoothgrad(model, inputs, target=top, noise=2.0, samples=4))


def test_the_global_random_state_is_neither_read_nor_moved():
    model, inputs = written("F.relu"), pictures()
    before = torch.get_rng_state()
    first = explain.smoothgrad(model, inputs, samples=2)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(77)
    assert torch.equal(first, explain.smoothgrad(model, inputs, samples=2))
    assert not torch.equal(first, explain.smoothgrad(model, inputs, samples=2, seed=1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half])
def test_in_half_precision_many_small_terms_are_not_lost(dtype):
    model, inputs = nn.Linear(3, 1, bias=False).to(dtype), torch.rand(1, 3).to(dtype)
    found = explain.smoothgrad(model, inputs, samples=1000, batch_size=1)
    assert torch.allclose(found, model.weight, rtol=1e-2)


@pytest.mark.parametrize("keyword", [{"noise": -0.1}, {"samples": 0}, {"batch_size": 0}])
def test_what_does_not_fit_is_refused(keyword):
    with pytest.raises(BadValue, match=f"{next(iter(keyword))} must be at least"):
        explain.smoothgrad(written("F.relu"), pictures(), **keyword)
