"""Integrated gradients and their completeness, against Captum and closed forms."""

from __future__ import annotations

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from netwright import explain
from netwright._errors import BadValue
from relu_nets import pictures, written


class Cubes(nn.Module):
    """Σ aᵢ xᵢ³: the integral from b to x along the straight way is a polynomial."""

    def forward(self, x):
        return (x**3 * torch.tensor([1.0, -2.0, 0.5])).sum(1, keepdim=True)


@pytest.mark.parametrize("baseline", ["none", "one", "each"])
@pytest.mark.parametrize("target", [2, [3, 1]])
def test_it_is_captums(baseline, target):
    model, inputs = written("F.relu"), pictures()
    given = {"none": None, "one": torch.rand(3, 18, 18), "each": torch.rand(2, 3, 18, 18)}[baseline]
    theirs = None if given is None else given.expand_as(inputs)
    expected = IntegratedGradients(model).attribute(
        inputs, theirs, target=target, n_steps=15, method="gausslegendre"
    )
    found = explain.integrated_gradients(model, inputs, target=target, baseline=given, steps=15)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_polynomial_is_integrated_exactly():
    inputs, baseline = torch.randn(4, 3), torch.randn(3)
    scale = torch.tensor([1.0, -2.0, 0.5])
    expected = scale * (inputs**3 - baseline**3)  # each number has its own term
    found = explain.integrated_gradients(Cubes(), inputs, baseline=baseline, steps=2)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not torch.allclose(
        explain.integrated_gradients(Cubes(), inputs, baseline=baseline, steps=1),
        expected,
        atol=1e-2,
    )


def test_the_batch_is_bounded_and_makes_no_difference():
    model, sizes = written("F.relu"), []
    with model.register_forward_hook(lambda *run: sizes.append(len(run[2]))):
        found = explain.integrated_gradients(model, pictures(3), steps=7, batch_size=5)
    assert max(sizes) == 5
    assert sum(sizes) == 3 + 3 * 7
    whole = explain.integrated_gradients(model, pictures(3), steps=7, batch_size=100)
    assert torch.allclose(found, whole, atol=1e-6)


def test_a_function_as_target():
    model, inputs = written("F.relu"), pictures()
    found = explain.integrated_gradients(model, inputs, target=lambda output: output[:, 1])
    assert torch.allclose(found, explain.integrated_gradients(model, inputs, target=1), atol=1e-6)


def test_completeness_is_what_the_sum_has_too_much():
    model, inputs = written("F.relu"), pictures()
    baseline = torch.full((3, 18, 18), 0.3)
    values = torch.randn(2, 5)
    with torch.no_grad():
        top = model(inputs).argmax(1)
        explained = (model(inputs) - model(baseline[None])).gather(1, top[:, None])[:, 0]
    found = explain.completeness(model, inputs, values=values, baseline=baseline)
    assert torch.allclose(found, values.sum(1) - explained, atol=1e-5)


def test_the_sum_gets_complete_with_steps():
    model, inputs = written("F.relu"), pictures()

    def gap(steps):
        values = explain.integrated_gradients(model, inputs, target=0, steps=steps)
        return explain.completeness(model, inputs, values=values, target=0).abs().max()

    assert gap(200) < 0.03


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"baseline": torch.zeros(3, 4, 4)}, r"baseline must be of the inputs' shape \(2, 3, 18"),
        ({"baseline": torch.zeros(3, 3, 18, 18)}, "or of one of them"),
        ({"target": 9}, "target must be from 0 to 3"),
    ],
)
def test_what_does_not_fit_is_refused(keyword, words):
    with pytest.raises(BadValue, match=words):
        explain.integrated_gradients(written("F.relu"), pictures(), **keyword)
