"""Normal equations against scikit-learn, which solves least squares another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge
from torch import nn

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Task
from netwright.methods.catalogue import CATALOGUE
from netwright.methods.normal_equations import NormalEquations
from netwright.methods.output_units.catalogue import create
from netwright.models.classifiers.linear import Linear


def table(count=50, features=4, targets=2):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(count, features)) + 3
    y = x @ draw.normal(size=(features, targets)) + 5 + draw.normal(size=(count, targets))
    return x, y


def solved(x, y, *, ridge=0.0, weight=None, bias=True, size=17):
    targets = torch.tensor(y)
    unit = create("real", names=(), targets=targets)
    model = Linear(unit.width, in_channels=x.shape[1], bias=bias).double()
    method = NormalEquations(model, unit, ridge=ridge)
    index = torch.arange(len(x))
    method.solve(
        Batch(
            inputs=torch.tensor(x)[part],
            targets=targets[part],
            index=part,
            weight=None if weight is None else torch.tensor(weight)[part],
        )
        for part in index.split(size)
    )
    return method


def inward(method, y):
    return method.unit.inward(torch.tensor(y)).double().numpy()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("ridge", [0.0, 7.0])
@pytest.mark.parametrize("size", [17, 1000])
def test_is_scikit_learns_solution(ridge, bias, size):
    x, y = table()
    method = solved(x, y, ridge=ridge, bias=bias, size=size)
    make = Ridge(alpha=ridge, fit_intercept=bias) if ridge else LinearRegression(fit_intercept=bias)
    wanted = make.fit(x, inward(method, y))
    head = method.model.head
    np.testing.assert_allclose(head.weight.detach(), wanted.coef_, rtol=1e-6, atol=1e-8)
    if bias:
        np.testing.assert_allclose(head.bias.detach(), wanted.intercept_, rtol=1e-6, atol=1e-8)


def test_the_gradient_is_zero_there():
    x, y = table()
    method = solved(x, y)
    scores = method.model(torch.tensor(x))
    method.unit.loss(scores, torch.tensor(y)).mean().backward()
    for parameter in method.model.parameters():
        assert float(parameter.grad.abs().max()) < 1e-6


def test_a_weight_counts_as_so_many_examples():
    x, y = table(count=12)
    times = np.arange(12) % 3
    method = solved(x, y, weight=times.astype(np.float64))
    wanted = LinearRegression().fit(np.repeat(x, times, 0), np.repeat(inward(method, y), times, 0))
    np.testing.assert_allclose(method.model.head.weight.detach(), wanted.coef_, rtol=1e-6)


def test_of_many_solutions_the_shortest():
    x, y = table()
    x = np.concatenate([x, x[:, :2]], axis=1)
    method = solved(x, y)
    wanted = LinearRegression().fit(x, inward(method, y))  # the shortest too
    np.testing.assert_allclose(method.model.head.weight.detach(), wanted.coef_, rtol=1e-5)


def test_options_reach_method_and_unit():
    task = Task(kind="real", names=("y",), targets=torch.randn(5))
    made = CATALOGUE.load("normal-equations").for_task(
        task, build_model=lambda width: nn.Linear(2, width), ridge=2.0, unit="real"
    )
    assert made._ridge == 2.0
    assert len(made.stages()) == 1
    assert made.phases(made.stages()[0]) == ()
    assert sorted(made.state_dict()) == [
        "model.bias",
        "model.weight",
        "unit.deviation",
        "unit.mean",
    ]


@pytest.mark.parametrize(
    ("model", "unit", "ridge", "sentence"),
    [
        (
            nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)),
            "real",
            0.0,
            "one linear layer",
        ),
        (nn.Sequential(nn.Linear(2, 1), nn.Tanh()), "real", 0.0, "one linear layer"),
        (nn.Linear(2, 1), "real-huber", 0.0, "real for normal equations"),
        (nn.Linear(2, 1), "real", -1.0, "ridge must be a finite number of at least 0"),
    ],
)
def test_what_is_refused(model, unit, ridge, sentence):
    made = create(unit, names=("y",), targets=None)
    with pytest.raises(BadValue, match=sentence):
        NormalEquations(model, made, ridge=ridge)
