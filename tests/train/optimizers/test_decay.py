"""Weight decay falls on weights, and on biases and normalisers only where it is asked for."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from netwright.methods.base import Stage
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.catalogue import CATALOGUE
from netwright.train.optimizers.objective import Written

DECAYING = [
    name for name in CATALOGUE.names()
    if "weight_decay" in inspect.signature(CATALOGUE.load(name)).parameters
]  # fmt: skip


@pytest.mark.parametrize("name", DECAYING)
def test_with_a_slope_of_0_only_weights_shrink(name):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    for parameter in net.parameters():
        parameter.data.uniform_(0.5, 1.0)
    method = Supervised(net, create("classes", names=("a", "b"), targets=None))
    groups = method.parameter_groups(Stage())["main"]
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    optimizer = build_optimizer(groups, name=name, learning_rate=0.01, weight_decay=0.5)
    flat = Written(lambda: sum(0.0 * p.sum() for p in net.parameters()), list(net.parameters()))
    for _ in range(3):
        flat()
        optimizer.step(flat)
    for key, value in net.named_parameters():
        if key in ("0.weight", "3.weight"):
            assert (value.abs() < before[key].abs()).all(), key
        else:
            assert torch.equal(value, before[key]), key
