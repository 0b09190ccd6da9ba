"""Plain SGD on one example at a time is Rosenblatt's rule, and ends as its theorem says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import Perceptron as Reference

from netwright.data.batch import Batch
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.models.classifiers.perceptron import Perceptron


def learned(rows, targets, *, passes, classes=2, **options):
    """The network after so many passes in the order of the rows, and how often it was moved."""
    names = tuple(str(place) for place in range(classes))
    unit = create(
        "binary-perceptron" if classes == 2 else "classes-perceptron", names=names, targets=targets
    )
    network = Perceptron(unit.width, in_channels=rows.shape[1], **options).to(rows.dtype)
    method = Supervised(network, unit)
    optimizer = torch.optim.SGD(method.parameters(), lr=1.0)
    moves = []
    for _ in range(passes):
        moves.append(0)
        for place in range(len(rows)):
            one = slice(place, place + 1)
            cost = method.loss(Batch(rows[one], targets[one], torch.tensor([place])))
            optimizer.zero_grad()
            (cost.total / cost.count).backward()
            moves[-1] += int(network.head.bias.grad.abs().sum() > 0)
            optimizer.step()
        if moves[-1] == 0:
            break
    return method, moves


def standardised(load):
    values, targets = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(values))
    rows = (values - values.mean(0)) / values.std(0)
    return torch.from_numpy(rows[order]), torch.from_numpy(targets[order]).long()


def test_two_classes_end_with_the_rules_weights():
    rows, targets = standardised(load_breast_cancer)
    weights, offset = np.zeros(rows.shape[1]), 0.0
    for _ in range(2):
        for row, target in zip(rows.numpy(), targets.numpy(), strict=True):
            sign = 2 * target - 1
            if sign * (weights @ row + offset) <= 0:
                weights, offset = weights + sign * row, offset + sign
    method, _ = learned(rows, targets, passes=2)
    np.testing.assert_allclose(method.model.head.weight.detach().numpy()[0], weights, atol=1e-10)
    assert method.model.head.bias.item() == offset


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_scikit_learns_perceptron_has_the_same_weights(load):
    rows, targets = standardised(load)
    method, _ = learned(rows, targets, passes=3, classes=len(targets.unique()))
    reference = Reference(max_iter=3, tol=None, shuffle=False, eta0=1.0)
    reference.fit(rows.numpy(), targets.numpy())
    head = method.model.head
    np.testing.assert_allclose(head.weight.detach().numpy(), reference.coef_, atol=1e-9)
    np.testing.assert_allclose(head.bias.detach().numpy(), reference.intercept_, atol=1e-9)
    assert np.array_equal(method.predict(rows).outputs.numpy(), reference.predict(rows.numpy()))


@pytest.mark.parametrize("margin", [0.5, 0.1, 0.02])
def test_mistakes_are_fewer_than_the_square_of_radius_over_margin(margin):
    rows = torch.randn(400, 3, dtype=torch.float64)
    normal = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    rows = rows[(rows @ normal).abs() >= margin]
    targets = (rows @ normal > 0).long()
    _, moves = learned(rows, targets, passes=2000)
    assert moves[-1] == 0  # it has ended
    radius = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1).norm(dim=1)
    assert 0 < sum(moves) <= (float(radius.max()) / margin) ** 2


XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_it_never_ends_on_exclusive_or():
    method, moves = learned(XOR, torch.tensor([0, 1, 1, 0]), passes=200)
    assert len(moves) == 200
    assert min(moves) > 0
    assert method.model.head.weight.abs().max() < 5  # and goes round in circles


def test_random_association_units_part_exclusive_or():
    torch.manual_seed(0)
    method, moves = learned(XOR, torch.tensor([0, 1, 1, 0]), passes=500, association_units=60)
    assert moves[-1] == 0
    assert method.predict(XOR).outputs.tolist() == [0, 1, 1, 0]
