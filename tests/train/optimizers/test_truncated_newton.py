"""Truncated Newton against numpy, on quadratics it must solve, and where the loss is not convex."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from torch import nn

import hand_worked as by_hand
from hand_worked import FUNCTIONS, START
from netwright._errors import BadType, BadValue
from netwright.methods.base import trained
from netwright.train.optimizers import truncated_newton
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.objective import Written
from netwright.train.optimizers.truncated_newton import TruncatedNewton


def point(start):
    return torch.tensor(start, dtype=torch.float64, requires_grad=True)


def positive(size, *, seed=0):
    draw = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, dtype=torch.float64, generator=draw)
    return root @ root.T + 0.1 * torch.eye(size, dtype=torch.float64)


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("damping", [1.0, 0.01])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_twelve_steps_worked_out_by_hand(function, damping, decay):
    of, w = FUNCTIONS[function], point(START)
    optimizer = TruncatedNewton([w], damping=damping, tolerance=1e-14, weight_decay=decay)
    objective = Written(lambda: of.loss(w), [w])
    for number, wanted in enumerate(islice(by_hand.newton(of, damping=damping, decay=decay), 12)):
        before = w.detach().numpy().copy()
        assert optimizer.step(objective) == pytest.approx(of.loss(before))
        np.testing.assert_allclose(
            w.detach().numpy(), wanted, rtol=1e-10, atol=1e-10, err_msg=f"step {number}"
        )


@pytest.mark.parametrize("size", [2, 5, 12])
def test_a_quadratic_is_solved_in_as_many_products_as_it_has_dimensions(size):
    bend, aim = positive(size), torch.arange(size, dtype=torch.float64)
    error = []
    for iterations in (size - 1, size):
        w = point([0.0] * size)
        optimizer = TruncatedNewton([w], damping=0.0, cg_iterations=iterations, tolerance=1e-300)
        optimizer.step(Written(lambda w=w: 0.5 * (w - aim) @ bend @ (w - aim), [w]))
        error.append((w.detach() - aim).abs().max().item())
    assert error[1] < 1e-6 < 1e-3 < error[0]


def test_the_minimum_of_rosenbrocks_valley():
    w = point(START)
    optimizer = TruncatedNewton([w])
    objective = Written(lambda: FUNCTIONS["rosenbrock"].loss(w), [w])
    losses = [optimizer.step(objective) for _ in range(80)]
    assert all(later <= earlier for earlier, later in pairwise(losses))
    np.testing.assert_allclose(w.detach().numpy(), [1.0, 1.0], atol=1e-6)


def test_a_saddle_is_left_downhill():
    w = point([1e-3, 1.0])
    optimizer = TruncatedNewton([w])
    objective = Written(lambda: w[1] ** 2 - w[0] ** 2 + 0.25 * w[0] ** 4, [w])
    for _ in range(40):
        optimizer.step(objective)
    # Newton's own step would go up to (0, 0), where the slope is 0 as well
    np.testing.assert_allclose(w.detach().abs().numpy(), [2**0.5, 0.0], atol=1e-5)


def test_a_step_that_would_not_help_is_not_taken_and_the_damping_grows():
    w = point([1.0])
    optimizer = TruncatedNewton([w], damping=0.5)

    class Liar(Written):
        def loss(self):
            return 100.0

    assert optimizer.step(Liar(lambda: w.square().sum(), [w])) == 1.0
    assert w.item() == 1.0
    assert optimizer.state[w]["damping"] == 2.0


def test_it_goes_on_from_its_state():
    def made(start):
        w = point(start)
        return w, TruncatedNewton([w]), Written(lambda: FUNCTIONS["rosenbrock"].loss(w), [w])

    whole, optimizer, objective = made(START)
    for _ in range(4):
        optimizer.step(objective)
    again, later, same = made(whole.tolist())
    later.load_state_dict(optimizer.state_dict())
    for _ in range(4):
        optimizer.step(objective)
        later.step(same)
    assert torch.equal(whole, again)


def test_groups_frozen_parts_and_linear_losses():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    unused, frozen = nn.Parameter(torch.ones(2)), net[0].bias
    frozen.requires_grad_(False)
    kept = frozen.clone()
    x = torch.randn(20, 3)
    groups = [{"params": [*net.parameters(), unused]}]
    optimizer = TruncatedNewton(groups)
    objective = Written(lambda: (net(x) - x.sum(1, keepdim=True)).square().mean(), net.parameters())
    first = optimizer.step(objective)
    for _ in range(10):
        last = optimizer.step(objective)
    assert last < 0.1 * first
    assert torch.equal(frozen, kept)
    assert unused.tolist() == [1.0, 1.0]
    w = point([1.0, 2.0])
    straight = TruncatedNewton([w], damping=2.0)
    straight.step(Written(w.sum, [w]))
    assert w.tolist() == pytest.approx([0.5, 1.5])  # H is 0: the step is −g / λ


def test_decay_leaves_alone_what_it_is_told_to():
    first, second = point([1.0]), point([1.0])
    groups = [{"params": [first]}, {"params": [second], "weight_decay": 0.0}]
    optimizer = TruncatedNewton(groups, damping=0.0, weight_decay=1.0)
    optimizer.step(Written(lambda: 0.0 * (first + second).sum(), [first, second]))
    assert (first.item(), second.item()) == (0.0, 1.0)


def test_what_torch_cannot_differentiate_twice_is_said_in_one_sentence():
    w = torch.randn(1, 2, 4, 8, requires_grad=True)  # attention's fast kernel gives no graph
    optimizer = TruncatedNewton([w])
    attention = torch.nn.functional.scaled_dot_product_attention
    with pytest.raises(BadValue, match="needs no second derivatives with this network"):
        optimizer.step(Written(lambda: attention(w, w, w).square().sum(), [w]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lr": 0.0}, "lr must be above 0"),
        ({"damping": -1.0}, "damping must be at least 0"),
        ({"cg_iterations": 0}, "cg_iterations must be a whole number of at least 1"),
        ({"tolerance": 0.0}, "tolerance must be above 0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
    ],
)
def test_what_is_refused(options, sentence):
    with pytest.raises(BadValue, match=sentence):
        TruncatedNewton([point([1.0])], **options)


def test_what_it_cannot_work_with():
    w = point([1.0])
    with pytest.raises(BadType, match="closure must be an Objective"):
        TruncatedNewton([w]).step(lambda: 1.0)
    with pytest.raises(BadValue, match="lr must be the same in all groups"):
        TruncatedNewton([{"params": [w]}, {"params": [point([1.0])], "lr": 0.1}])
    with pytest.raises(BadValue, match="of one dtype for truncated-newton"):
        TruncatedNewton([w, torch.zeros(1, requires_grad=True)])
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    groups = [trained(model[0]), trained(model[1], lr_scale=0.1)]
    with pytest.raises(BadValue, match="lr must be the same"):
        build_optimizer(groups, name="truncated-newton", learning_rate=1.0)


def test_where_it_curves_down_the_step_goes_downhill_by_a_unit_at_most():
    w = torch.tensor([4.0], requires_grad=True)
    TruncatedNewton([w], damping=0.1).step(Written(lambda: -0.5 * w.square().sum(), [w]))
    assert w.item() == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("bends", "slope", "iterations"),
    [
        ([-3.0], [4.0], 5),
        ([10.0, 1.0], [1.0, 2.0], 1),
        ([10.0, 1.0], [1.0, 2.0], 2),
        ([3.0, -1.0], [2.0, 1.0], 5),
    ],
)
def test_the_curvature_told_is_that_along_the_direction(bends, slope, iterations):
    bends = torch.tensor(bends)
    solved = truncated_newton._conjugate_gradients(
        lambda vector: bends * vector,
        torch.tensor(slope),
        damping=0.5,
        iterations=iterations,
        enough=1e-9,
    )
    wanted = float((bends * solved.direction.square()).sum())
    assert solved.curvature == pytest.approx(wanted, rel=1e-5)
    assert float(solved.direction @ torch.tensor(slope)) < 0
