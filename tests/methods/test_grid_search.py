"""A search on a grid against loops written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods import grid_search
from netwright.methods.grid_search import GridSearch
from netwright.methods.output_units.catalogue import create


def searched(kind, x, y, *, weight=None, names=("no", "yes"), width=1, **options):
    unit = create(kind, names=names, targets=y)
    method = GridSearch(nn.Linear(x.shape[1], width), unit, **options)
    method.search(
        Batch(
            inputs=x[part],
            targets=y[part],
            index=part,
            weight=None if weight is None else weight[part],
        )
        for part in torch.arange(len(x)).split(7)
    )
    return method


def logistic():
    x = torch.randn(20, 2)
    return x, (x[:, 0] - 0.5 * x[:, 1] + torch.randn(20) > 0).long()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("at_once", [10**6, 60])
def test_is_the_least_of_all_losses(weighted, at_once, monkeypatch):
    monkeypatch.setattr(grid_search, "_AT_ONCE", at_once)
    x, y = logistic()
    weight = torch.arange(20.0) if weighted else None
    method = searched("binary", x, y, weight=weight, low=-2, high=3, points=6)
    counts = np.ones(20) if weight is None else weight.numpy()
    found = {}
    for a, b, c in itertools.product(np.linspace(-2, 3, 6), repeat=3):
        scores = x.double().numpy() @ [a, b] + c
        losses = np.log1p(np.exp(-np.where(y.numpy() == 1, scores, -scores)))
        found[a, b, c] = float(losses @ counts)
    best = min(found, key=found.get)
    layer = method.model
    assert [*layer.weight[0].tolist(), layer.bias.item()] == pytest.approx(best)


def test_squared_error_of_a_slope():
    x = torch.linspace(-1, 1, 9)[:, None]
    unit = create("real", names=("y",), targets=None)
    method = GridSearch(nn.Linear(1, 1, bias=False), unit, low=0.0, high=1.0, points=11)
    method.search([Batch(inputs=x, targets=0.42 * x[:, 0], index=torch.arange(9))])
    assert method.model.weight.item() == pytest.approx(0.4)
    assert method.grid.shape == (11, 1)


class Root(nn.Module):
    """x·√a, which is no number where a is negative."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.a.sqrt()


def test_where_there_is_no_loss_is_not_the_best():
    x = torch.linspace(-1, 1, 9)[:, None]
    unit = create("real", names=("y",), targets=None)
    method = GridSearch(Root(), unit, low=-1.0, high=1.0, points=21)
    method.search([Batch(inputs=x, targets=0.5**0.5 * x[:, 0], index=torch.arange(9))])
    assert method.model.a.item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        (nn.Linear(3, 1), {}, "at most 3 parameters.*'Linear with 4'.*41\\^4 losses"),
        (nn.Linear(2, 1), {"low": 1.0, "high": 1.0}, "low must be finite and below high"),
        (nn.Linear(2, 1), {"points": 1}, "points must be at least 2"),
        (nn.Linear(2, 1), {"points": 200}, "at most 2000000 combinations"),
    ],
)
def test_what_is_refused(model, options, sentence):
    with pytest.raises(BadValue, match=sentence):
        GridSearch(model, create("binary", names=("a", "b"), targets=None), **options)
