"""Dropout in a graph loses the entries that it loses without one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.train.same_dropout import keep_dropout


class Net(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, values):
        return F.dropout(values * 1, **self.options)


def traced(options, values):
    graph = torch.fx.symbolic_trace(Net(**options))
    for node in graph.graph.nodes:
        node.meta["example_value"] = values
    before = str(graph.graph)
    keep_dropout(graph)
    return graph, str(graph.graph) != before


@pytest.mark.parametrize("inplace", [False, True])
def test_the_same_entries_in_any_layout(inplace):
    values = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    options = {"p": 0.4, "training": True, "inplace": inplace}
    graph, changed = traced(options, values)
    assert changed
    torch.manual_seed(3)
    without = Net(**options)(values)
    torch.manual_seed(3)
    assert torch.equal(graph(values), without)
    assert 0 < float((without == 0).float().mean()) < 1


@pytest.mark.parametrize(
    "options", [{"p": 0.0}, {"p": 1.0}, {"training": False}], ids=["none", "all", "evaluating"]
)
def test_what_draws_nothing_stays(options):
    assert not traced(options, torch.ones(2, 2))[1]


def test_the_gradient_knows_the_noise():
    values = torch.randn(50, requires_grad=True)
    graph, _ = traced({"p": 0.5}, values)
    torch.manual_seed(0)
    kept = graph(values)
    kept.sum().backward()
    assert torch.equal(values.grad, torch.where(kept == 0, 0.0, 2.0))
