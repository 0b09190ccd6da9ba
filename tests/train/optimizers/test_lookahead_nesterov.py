"""Nesterov's look-ahead against trajectories worked out without torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.train.optimizers.lookahead_nesterov import LookaheadNesterov
from netwright.train.optimizers.reevaluating import reevaluates


def quadratic(w):
    return 0.5 * (3.0 * w[0] ** 2 + 0.2 * w[1] ** 2) + 0.1 * w[0] * w[1]


def quadratic_slope(w):
    return np.array([3.0 * w[0] + 0.1 * w[1], 0.2 * w[1] + 0.1 * w[0]])


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def rosenbrock_slope(w):
    bend = w[1] - w[0] ** 2
    return np.array([-2 * (1 - w[0]) - 400 * w[0] * bend, 200 * bend])


def by_torch(function, start, *, steps, **options):
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = LookaheadNesterov([w], **options)
    path, losses = [], []

    def closure():
        optimizer.zero_grad()
        loss = function(w)
        loss.backward()
        return loss.item()

    for _ in range(steps):
        losses.append(optimizer.step(closure))
        path.append(w.detach().numpy().copy())
    return np.array(path), losses


def by_hand(slope, start, *, steps, lr, momentum, weight_decay=0.0):
    w, v = np.array(start), np.zeros(2)
    path = []
    for _ in range(steps):
        ahead = w + momentum * v
        v = momentum * v - lr * (slope(ahead) + weight_decay * ahead)
        w = w + v
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize(
    ("function", "slope", "lr"),
    [(quadratic, quadratic_slope, 0.1), (rosenbrock, rosenbrock_slope, 5e-4)],
)
def test_the_published_path(function, slope, lr, weight_decay):
    options = {"lr": lr, "momentum": 0.9, "weight_decay": weight_decay}
    start = [-1.2, 1.0]
    path, losses = by_torch(function, start, steps=200, **options)
    np.testing.assert_allclose(path, by_hand(slope, start, steps=200, **options), rtol=1e-9)
    assert losses[0] == pytest.approx(function(start))
    ahead = path[0] + 0.9 * (path[0] - start)
    assert losses[1] == pytest.approx(function(ahead))


def test_two_steps_of_a_parabola():
    # f = w²/2, w = 1, η = 0.5, μ = 0.5:
    # v = −0.5, w = 0.5; then ahead 0.25: v = −0.25 − 0.125 = −0.375, w = 0.125
    w = torch.tensor([1.0], requires_grad=True)
    optimizer = LookaheadNesterov([w], lr=0.5, momentum=0.5)

    def closure():
        optimizer.zero_grad()
        loss = 0.5 * w.square().sum()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    assert w.item() == 0.5
    optimizer.step(closure)
    assert w.item() == 0.125


def test_torchs_form_is_the_same_path_seen_from_the_look_ahead_point():
    start, lr, momentum = [-1.2, 1.0], 0.05, 0.8
    path, _ = by_torch(quadratic, start, steps=50, lr=lr, momentum=momentum)
    before = np.vstack([[start], path[:-1]])
    ahead = path + momentum * (path - before)
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, nesterov=True)
    for wanted in ahead:
        optimizer.zero_grad()
        quadratic(w).backward()
        optimizer.step()
        np.testing.assert_allclose(w.detach().numpy(), wanted, rtol=1e-10)


def test_no_momentum_is_gradient_descent():
    torch.manual_seed(0)
    start = torch.randn(50)
    ours, wanted = start.clone().requires_grad_(), start.clone().requires_grad_()
    optimizer = LookaheadNesterov([ours], lr=0.1, momentum=0.0)
    plain = torch.optim.SGD([wanted], lr=0.1)

    def closure():
        optimizer.zero_grad()
        ours.sin().sum().backward()
        return 0.0

    for _ in range(20):
        optimizer.step(closure)
        plain.zero_grad()
        wanted.sin().sum().backward()
        plain.step()
    torch.testing.assert_close(ours, wanted)


def test_a_parameter_without_a_gradient_comes_to_rest():
    used = torch.tensor([1.0], requires_grad=True)
    idle = torch.tensor([2.0], requires_grad=True)
    optimizer = LookaheadNesterov([used, idle], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = used.square().sum()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    assert idle.item() == 2.0
    assert used.item() == pytest.approx(0.8)


def test_it_asks_for_a_closure():
    w = torch.zeros(1, requires_grad=True)
    optimizer = LookaheadNesterov([w])
    assert reevaluates(optimizer)
    with pytest.raises(BadValue, match="closure must be given"):
        optimizer.step()
    with pytest.raises(BadValue, match="lr must be above 0"):
        LookaheadNesterov([w], lr=0.0)
