"""Layers found by a run, and what is drawn in their place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.explain.trials.redrawn import copied, halfway, learned_layers, redraw, settle


class Odd(nn.Module):
    """Declared in another order than it runs; a part is never called, one is called twice."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(6, 2)
        self.token = nn.Parameter(torch.randn(1, 6))
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.twice = nn.Linear(6, 6)
        self.first = nn.Linear(4, 6)
        self.scale = nn.LayerNorm(6)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        hidden = self.scale(self.first(x)) + self.token
        hidden = self.twice(hidden)[:, None]
        hidden = self.attention(hidden, hidden, hidden)[0][:, 0]
        return self.last(self.twice(hidden))


def test_from_the_output_to_the_input_as_they_run():
    model = Odd()
    found = learned_layers(model, torch.randn(2, 4))
    assert [layer.path for layer in found] == ["last", "twice", "attention", "first", ""]
    owned = {layer.path: set(layer.parameters) for layer in found}
    assert owned["first"] == {"first.weight", "first.bias", "scale.weight", "scale.bias"}
    assert "attention.out_proj.weight" in owned["attention"]
    assert {"token", "unused.weight"} <= owned[""]
    everything = [name for layer in found for name in layer.parameters]
    assert sorted(everything) == sorted(name for name, _ in model.named_parameters())


@pytest.mark.parametrize(("count", "path"), [(1, "0"), (2, "1"), (5, "2")])
def test_half_of_the_layers_are_those_nearer_to_the_output(count, path):
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(count)))
    assert halfway(model, torch.randn(2, 4)) == path


def test_a_model_without_parameters_is_refused():
    with pytest.raises(BadValue, match="one with parameters"):
        learned_layers(nn.Flatten(), torch.randn(2, 4))


def test_drawn_by_a_normal_law_with_its_own_mean_and_spread():
    model = nn.Linear(300, 200)
    with torch.no_grad():
        model.weight.mul_(5).add_(0.7)
    twin = copied(model)
    redraw(twin, learned_layers(twin, torch.randn(1, 300)), seed=3)
    before, after = model.weight.detach(), twin.weight.detach()
    assert abs(before.mean() - after.mean()) < 0.01
    assert abs(before.std() / after.std() - 1) < 0.02
    assert abs(torch.corrcoef(torch.stack((before.flatten(), after.flatten())))[0, 1]) < 0.02
    kurtosis = (((after - after.mean()) / after.std()) ** 4).mean()
    assert abs(kurtosis - 3) < 0.15, "the weights were drawn evenly, so this is the new law"


def test_statistics_are_those_of_what_the_layers_before_give():
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 3),
                          nn.BatchNorm2d(4)).eval()  # fmt: skip
    with torch.no_grad():
        model[1].running_var.fill_(1e-9)
    inputs = torch.randn(8, 3, 9, 9)
    settle(model, inputs, after=learned_layers(model, inputs))
    for upto in (2, 5):
        output = model[:upto](inputs)
        given = model[: upto - 1](inputs)
        spread = given.var((0, 2, 3), correction=0)
        expected = (spread / (spread + 1e-5)).sqrt()
        assert torch.allclose(output.mean((0, 2, 3)), torch.zeros(output.shape[1]), atol=1e-5)
        assert torch.allclose(output.std((0, 2, 3), correction=0), expected, atol=1e-4)
    assert not model.training


def test_statistics_before_the_first_new_layer_stay():
    """Else a map would change by the few pictures at hand, and seem to react."""
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 4, 3),
                          nn.BatchNorm2d(4), nn.ReLU()).eval()  # fmt: skip
    inputs = torch.randn(8, 3, 9, 9)
    new = [layer for layer in learned_layers(model, inputs) if layer.path == "2"]
    settle(model, inputs, after=new)
    assert torch.equal(model[1].running_mean, torch.zeros(5))
    assert torch.equal(model[1].running_var, torch.ones(5))
    assert not torch.equal(model[3].running_mean, torch.zeros(4))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_what_has_no_spread_stays():
    model = nn.Linear(4, 1)
    twin = copied(model)
    redraw(twin, learned_layers(twin, torch.randn(1, 4)), seed=0)
    assert torch.equal(twin.bias, model.bias)
    assert not torch.equal(twin.weight, model.weight)
