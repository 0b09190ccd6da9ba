"""Gradient surgery against TorchJD, against what the paper says of two tasks, and in a network."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torchjd.aggregation import PCGrad as Reference

from netwright._errors import BadValue
from netwright.methods.base import Stage, Task
from netwright.methods.multi_task.heads import Heads
from netwright.methods.multi_task.multi_task import MultiTask
from netwright.methods.multi_task.pcgrad import (
    PCGrad,
    projected_weights,
    shared_parameters,
)
from netwright.methods.multi_task.weighting import TaskCosts

GENERATOR = torch.Generator().manual_seed(3)


def rows(tasks, size=7):
    return torch.randn(tasks, size, generator=GENERATOR, dtype=torch.float64)


def summed(gradients, orders):
    return projected_weights(gradients @ gradients.T, orders) @ gradients


@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_random_gradients_are_projected_as_torchjd_does(tasks):
    for seed in range(8):
        gradients = rows(tasks)
        torch.manual_seed(seed)
        wanted = Reference()(gradients)
        torch.manual_seed(seed)  # it draws an order a task, in the order of the tasks
        orders = [torch.randperm(tasks).tolist() for _ in range(tasks)]
        torch.testing.assert_close(summed(gradients, orders), wanted)


def test_agreeing_and_orthogonal_gradients_are_added():
    one = rows(1)[0]
    torch.testing.assert_close(summed(torch.stack([one, one]), [[0, 1]] * 2), 2 * one)
    apart = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    torch.testing.assert_close(summed(apart, [[0, 1]] * 2), apart.sum(dim=0))


def test_of_a_conflicting_pair_each_loses_what_is_along_the_other():
    first = torch.tensor([2.0, 0.0], dtype=torch.float64)
    second = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    ours = first - (first @ second) / (second @ second) * second
    theirs = second - (first @ second) / (first @ first) * first
    assert abs(float(ours @ second)) < 1e-12
    assert abs(float(theirs @ first)) < 1e-12
    torch.testing.assert_close(summed(torch.stack([first, second]), [[0, 1]] * 2), ours + theirs)


def heads(tasks=2):
    parts = {f"t{n}": Task(kind="real", names=(f"t{n}",)) for n in range(tasks)}
    return Heads(parts=parts, targets=None)


def costs(network, inputs, targets, *, own=()):
    scores = network(inputs)
    totals = (scores - targets).square().sum(dim=0)
    return TaskCosts(
        totals=totals,
        labels=torch.full_like(totals, len(inputs)),
        scores=scores,
        shared=list(network.parameters()),
        own=list(own),
    )


def apart(tasks):
    """Directions (tasks, 3), each against all others."""
    angles = torch.arange(tasks) * 2 * torch.pi / tasks
    return torch.stack([angles.cos(), angles.sin(), torch.full((tasks,), 0.2)], dim=1)


@pytest.mark.parametrize("tasks", [2, 3])
def test_a_network_learns_by_the_projection_of_what_is_shared_and_heads_by_their_own(tasks):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, tasks))
    with torch.no_grad():
        network[2].weight.copy_(apart(tasks))  # what serves one task harms each other
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(6, 4, generator=draw)
    targets = 4 + torch.randn(6, tasks, generator=draw)
    given = costs(network, inputs, targets)
    torch.manual_seed(1)
    total = PCGrad(heads(tasks)).total(given)
    assert float(total.detach()) == float(given.totals.sum().detach())
    (total / 6).backward()

    trunk, head = list(network[0].parameters()), list(network[2].parameters())
    by_task = [
        torch.cat([g.flatten() for g in torch.autograd.grad(one, trunk, retain_graph=True)])
        for one in given.totals
    ]
    products = torch.stack(by_task) @ torch.stack(by_task).T
    assert bool((products.fill_diagonal_(-1) < 0).all())  # so that with three the order counts
    torch.manual_seed(1)
    wanted = Reference()(torch.stack(by_task).double()) / 6
    found = torch.cat([one.grad.flatten() for one in trunk])
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, torch.stack(by_task).sum(dim=0) / 6)  # they do conflict
    plain = torch.autograd.grad(given.totals.sum(), head)
    torch.testing.assert_close([one.grad for one in head], [one / 6 for one in plain])


def test_three_orders_are_drawn_afresh_each_time():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3))
    with torch.no_grad():
        network[2].weight.copy_(apart(3))
    given, weighting = (torch.randn(6, 4), 4 + torch.randn(6, 3)), PCGrad(heads(3))
    found = set()
    for _ in range(12):
        network.zero_grad()
        weighting.total(costs(network, *given)).backward()
        found.add(float(network[0].weight.grad.sum()))
    assert len(found) > 2


def test_what_is_shared_is_asked_again_when_other_parameters_learn():
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    weighting, given = PCGrad(heads()), (torch.randn(6, 4), torch.randn(6, 2))
    learns = list(network.parameters())
    for frozen in (0, 2):
        for parameter in learns[:frozen]:
            parameter.requires_grad_(False)
        asked = costs(network, *given)
        asked = replace(asked, shared=[one for one in learns if one.requires_grad])
        network.zero_grad()
        weighting.total(asked).backward()
        plain = torch.autograd.grad(costs(network, *given).totals.sum(), learns[2:])
        torch.testing.assert_close([one.grad for one in learns[2:]], list(plain))


def test_which_parameters_are_shared_is_told_by_the_scores_that_their_rows_reach():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 2), nn.Linear(3, 1)
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, inputs):
            seen = self.scale * self.trunk(inputs).tanh()
            return torch.cat([self.a(seen), self.b(seen)], dim=1)

    network = Two()
    columns = [slice(0, 2), slice(2, 3)]
    found = shared_parameters(network(torch.randn(5, 4)), columns, of=list(network.parameters()))
    named = dict(zip([name for name, _ in network.named_parameters()], found, strict=True))
    assert {name for name, shared in named.items() if shared} == {
        *("scale", "trunk.weight", "trunk.bias"),
    }


def method(weighting):
    parts = {
        "a": Task(kind="classes", names=("x", "y", "z")),
        "b": Task(kind="ordinal", names=("low", "mid", "high")),
    }
    torch.manual_seed(0)
    return MultiTask.for_task(
        Task(kind="several", names=("a", "b"), parts=parts),
        build_model=lambda width: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, width)),
        weighting=weighting,
    )


def test_the_parameters_of_an_output_unit_take_their_own_gradient():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    with torch.no_grad():
        network[2].weight.copy_(apart(2))  # they conflict, so that weights of tasks are not 1
    inputs, targets = torch.randn(6, 4), 4 + torch.randn(6, 2)
    gradients = []
    for weighting in (None, PCGrad(heads())):
        network.zero_grad()
        own = nn.Parameter(torch.tensor(0.5))
        given = costs(network, inputs, targets, own=[own])
        totals = given.totals + torch.stack([own.square(), own * 0])
        given = replace(given, totals=totals)
        (totals.sum() if weighting is None else weighting.total(given)).backward()
        gradients.append((own.grad, network[0].weight.grad.clone()))
    (plain, trunk), (ours, projected) = gradients
    torch.testing.assert_close(ours, plain)
    assert not torch.allclose(trunk, projected)


def test_it_needs_the_whole_batch_and_survives_a_copy():
    one = method("pcgrad")
    (phase,) = one.phases(Stage())
    assert not phase.accumulates
    assert not phase.compiles
    (phase,) = method("fixed").phases(Stage())
    assert phase.accumulates
    assert phase.compiles
    copy.deepcopy(one)


def test_what_it_would_not_be_is_refused(monkeypatch):
    network = nn.Linear(4, 2)
    given = costs(network, torch.randn(6, 4), torch.randn(6, 2))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(BadValue, match="several processes"):
        PCGrad(heads()).total(given)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)
    with torch.autocast("cpu", torch.float16), pytest.raises(BadValue, match="precision must be"):
        PCGrad(heads()).total(given)
    with torch.autocast("cpu", torch.bfloat16):
        assert PCGrad(heads()).total(given).requires_grad
    with torch.no_grad():
        assert (
            not PCGrad(heads())
            .total(costs(network, torch.randn(6, 4), torch.randn(6, 2)))
            .requires_grad
        )
