"""Histograms of a model that is only looked at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue
from netwright.probes.histogram import histogram


def network():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(),
        nn.Linear(12, 2),
    )  # fmt: skip


def cost(output):
    return nn.functional.cross_entropy(output, torch.tensor([0, 1, 1]))


def test_each_is_the_histogram_of_what_it_names():
    model, inputs = network(), torch.randn(3, 1, 4, 4)
    found = explain.histograms(model, inputs, loss=cost, bins=6)
    model.eval()
    cost(model(inputs)).backward()
    for name, parameter in model.named_parameters():
        assert found.weights[name] == histogram(parameter, bins=6, unit_axis=0)
        theirs = histogram(parameter.grad, bins=6, unit_axis=0)
        assert found.gradients[name].mean == pytest.approx(theirs.mean, rel=1e-5, abs=1e-9)
        assert found.gradients[name].n == parameter.numel()
    assert list(found.activations) == ["0", "1", "2", "3", "4", "5"]
    normed = model[1](model[0](inputs))
    assert found.activations["1"] == histogram(normed, bins=6, unit_axis=1)
    assert found.activations["2"] == histogram(normed.relu(), bins=6, unit_axis=1)


def test_the_model_is_left_bit_for_bit_with_its_own_gradients():
    model, inputs = network(), torch.randn(3, 1, 4, 4)
    cost(model(inputs)).backward()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    gradients = [one.grad.clone() for one in model.parameters()]
    generator = torch.get_rng_state()
    explain.histograms(model, inputs, loss=cost)
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert all(
        torch.equal(own, one.grad) for own, one in zip(gradients, model.parameters(), strict=True)
    )
    assert model.training
    assert torch.equal(generator, torch.get_rng_state())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_dead_unit_is_told():
    model = network()
    with torch.no_grad():
        model[1].bias[0] = -1e3
    found = explain.histograms(model, torch.randn(3, 1, 4, 4), loss=cost)
    assert found.activations["2"].dead == pytest.approx(1 / 3)
    assert found.activations["2"].zeros > 1 / 3
    assert found.gradients["0.weight"].dead == pytest.approx(1 / 3)
    assert found.weights["0.weight"].dead == 0


def test_weights_alone_need_no_inputs_and_edges_are_shared():
    found = explain.histograms(network(), bins=[-1.0, 0.0, 1.0])
    assert found.activations == found.gradients == {}
    assert {one.edges for one in found.weights.values()} == {(-1.0, 0.0, 1.0)}


def test_a_layer_that_is_called_twice_is_seen_twice_and_a_frozen_one_has_no_gradient():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.relu = nn.Linear(2, 2), nn.ReLU()
            self.frozen = nn.Linear(2, 2).requires_grad_(False)

        def forward(self, x):
            return self.frozen(self.relu(self.layer(self.relu(x))))

    found = explain.histograms(Twice(), torch.randn(4, 2), loss=torch.sum)
    assert list(found.activations) == ["relu", "layer", "relu#2", "frozen"]
    assert list(found.gradients) == ["layer.weight", "layer.bias"]


def test_a_compiled_model_is_opened():
    model, inputs = network().eval(), torch.randn(3, 1, 4, 4)
    compiled = torch.compile(model, backend="eager")
    assert explain.histograms(compiled, inputs) == explain.histograms(model, inputs)


@pytest.mark.parametrize(
    ("inputs", "loss", "error", "words"),
    [
        (None, torch.sum, BadValue, "inputs must be given"),
        (torch.zeros(3, 1, 4, 4), lambda output: output, BadType, r"one number, got loss=\(3, 2\)"),
        (torch.zeros(3, 1, 4, 4), lambda output: output.sum().detach(), BadValue, "trained"),
        (torch.zeros(3, 1, 4, 4), lambda output: 1.0, BadType, "float"),
    ],
)
def test_what_has_no_gradient_is_refused(inputs, loss, error, words):
    with pytest.raises(error, match=words):
        explain.histograms(network(), inputs, loss=loss)
