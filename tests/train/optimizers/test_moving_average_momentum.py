"""Moving-average momentum against the recursion worked out without torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_worked import FUNCTIONS, START
from netwright._errors import BadValue
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_recursion_from_a_velocity_of_0(name, fused):
    of = FUNCTIONS[name]
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = MovingAverageMomentum([w], of.rate, momentum=0.8, weight_decay=0.1, fused=fused)
    hand, velocity = np.array(START), np.zeros(2)
    for _ in range(20):
        optimizer.zero_grad()
        of.loss(w).backward()
        optimizer.step()
        velocity = 0.8 * velocity + 0.2 * (of.slope(hand) + 0.1 * hand)
        hand = hand - of.rate * velocity
        np.testing.assert_allclose(w.detach().numpy(), hand, rtol=1e-10)


def test_it_is_the_other_convention_at_another_rate():
    ours, theirs = (torch.randn(9, dtype=torch.float64).requires_grad_() for _ in range(2))
    theirs.data.copy_(ours.data)
    averaged = MovingAverageMomentum([ours], 0.5, momentum=0.9)
    added = torch.optim.SGD([theirs], 0.05, momentum=0.9)
    for _ in range(20):
        for w, optimizer in ((ours, averaged), (theirs, added)):
            optimizer.zero_grad()
            w.cos().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_each_group_has_its_own_average():
    first, second = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = MovingAverageMomentum([{"params": [first]}], 1.0, momentum=0.5)
    optimizer.add_param_group({"params": [second], "momentum": 0.75})
    first.grad, second.grad = torch.ones(2), torch.ones(2)
    optimizer.step()
    assert (first[0].item(), second[0].item()) == (0.5, 0.75)


def test_what_is_refused():
    with pytest.raises(BadValue, match="momentum must be from 0 to below 1"):
        MovingAverageMomentum([torch.ones(1)], momentum=1.0)
