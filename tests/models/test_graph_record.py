"""What is recorded of a model, and that the model doesn't notice."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from netwright._errors import BadType, NothingObserved
from netwright.models.graph.record import record


class Odd(nn.Module):
    """Functional calls, one module twice, a write into a part, a branch on a shape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.conv(self.norm(self.conv(x)))
        if x.shape[-1] > 4:
            x[:, :1] += 1
        return torch.relu(self.drop(x)).flatten(1)


def names(graph):
    return [one.name for one in graph.operations]


def test_operations_in_order_with_the_call_they_belong_to():
    graph = record(Odd(), torch.zeros(2, 3, 8, 8))
    assert names(graph)[0] == "convolution"
    calls = [one.calls for one in graph.operations if one.name == "convolution"]
    assert calls == [(("", 1), ("conv", 1)), (("", 1), ("conv", 2))]
    assert graph.values[graph.outputs[0]].shape == (2, 192)
    assert graph.parameters == {"conv.weight": 81, "conv.bias": 3, "norm.weight": 3, "norm.bias": 3}
    assert "slice" not in names(record(Odd(), torch.zeros(2, 3, 4, 4)))


def test_edges_follow_the_numbers_that_went_from_one_to_the_next():
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv1d(2, 1, 1))
    assert record(model, torch.zeros(1, 1, 5)).edges() == [(0, 1), (1, 2)]


def test_what_is_written_into_a_part_is_known_of_the_whole():
    class Into(nn.Module):
        def forward(self, x):
            whole = torch.zeros(2, 4)
            whole[:, 2:] = x
            return whole * 2

    graph = record(Into(), torch.zeros(2, 2))
    assert names(graph)[-2:] == ["write", "mul"]
    write = graph.operations[-2]
    assert graph.operations[-1].inputs[0] == write.outputs[0]


def test_the_model_stays_as_it_was():
    torch.manual_seed(0)
    model = Odd().train()
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    state = copy.deepcopy(model.state_dict())
    gradients = [value.grad.clone() for value in model.parameters()]
    identities = [id(value) for value in model.parameters()]
    random = torch.get_rng_state()
    record(model, torch.zeros(2, 3, 8, 8))
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert identities == [id(value) for value in model.parameters()]
    for value, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.equal(value.grad, gradient)
    assert model.training
    assert model.drop.training
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_model_stays_as_it_was_when_it_fails():
    model = Odd().train()
    with pytest.raises(RuntimeError):
        record(model, torch.zeros(2, 5, 8, 8))
    assert model.training
    assert not model.conv._forward_hooks


class Asks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.seen = 0

    def forward(self, x):
        self.seen += 1
        return self.norm(x) * 2 if x.sum() > 0 else x + torch.rand(3)


def test_a_model_that_asks_for_a_value_runs_on_numbers_as_a_copy():
    model = Asks()
    random = torch.get_rng_state()
    graph = record(model, torch.ones(2, 3))
    assert "mul" in names(graph)
    assert "rand" in names(record(model, -torch.ones(2, 3)))
    assert torch.equal(torch.get_rng_state(), random)
    assert model.norm.num_batches_tracked == 0


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "difference": a - b}

    graph = record(Two(), (torch.zeros(2), torch.zeros(2)))
    assert [graph.values[number].name for number in graph.inputs] == ["input 0", "input 1"]
    assert len(graph.outputs) == 2


def test_refusals_say_what_to_do():
    with pytest.raises(BadType, match=r"model must be a torch.nn.Module"):
        record(torch.relu, torch.zeros(1))
    with pytest.raises(BadType, match=r"model must be of known shapes"):
        record(nn.LazyLinear(3), torch.zeros(1, 2))
    with pytest.raises(NothingObserved, match="without one operation"):
        record(nn.Identity(), torch.zeros(1))
