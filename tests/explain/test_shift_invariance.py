"""A shift that the model takes back must not move a map."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadValue


def network():
    return nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip


def zero_baseline(model, inputs, *, target, steps=20):
    """Integrated gradients from 0, by the middle rule."""
    total = torch.zeros_like(inputs)
    for step in range(steps):
        total += explain.gradient(model, inputs * (step + 0.5) / steps, target=target)
    return inputs * total / steps


PICTURES = torch.randn(4, 3, 6, 6)


@pytest.mark.parametrize("shift", [1.0, -0.37, torch.tensor([0.3, -1.1, 2.0]).view(3, 1, 1)])
def test_the_gradient_passes_bit_for_bit(shift):
    for method in ("gradient", "saliency"):
        found = explain.shift_invariance(network(), PICTURES, method=method, shift=shift)
        assert (found.change == 0).all()
        assert (found.likeness.signed == 1).all()


def test_integrated_gradients_from_zero_fail():
    found = explain.shift_invariance(network(), PICTURES, method=zero_baseline)
    assert (found.change > 0.1).all()
    assert (found.likeness.signed < 1).all()


def test_gradient_times_input_of_a_linear_model_moves_by_the_weights():
    """w·x becomes w·(x + s): the change is |s|·‖w‖ / ‖w∘x‖."""
    model, rows = nn.Linear(5, 2), torch.randn(3, 5)
    found = explain.shift_invariance(
        model, rows, target=1, shift=2.0,
        method=lambda m, x, target: explain.gradient(m, x, target=target) * x,
    )  # fmt: skip
    weight = model.weight[1].detach()
    assert torch.allclose(found.change, 2 * weight.norm() / (weight * rows).norm(dim=1), atol=1e-4)


def test_the_twin_answers_alike_and_the_model_is_left_alone():
    model, outputs = network().train(), []

    def note(given, inputs, *, target):
        outputs.append((given(inputs.clone()), target))
        return inputs

    explain.shift_invariance(model, PICTURES, method=note, shift=0.7)
    assert torch.equal(outputs[0][0], outputs[1][0])
    assert torch.equal(outputs[0][1], outputs[1][1])
    assert model.training


@pytest.mark.parametrize(
    ("shift", "words"),
    [(0.0, "different from 0"), (torch.ones(7), "spread over one input"), (float("inf"), "finite")],
)
def test_no_shift_is_refused(shift, words):
    with pytest.raises(BadValue, match=words):
        explain.shift_invariance(network(), PICTURES, method="gradient", shift=shift)
