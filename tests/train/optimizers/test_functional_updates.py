"""The compiled form of an update, against torch's own optimiser."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright.train.optimizers.functional_updates import is_filled, obstacle, rule_for
from netwright.train.optimizers.moving_average_momentum import MovingAverageMomentum

SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
CASES = [
    (SGD, {}),
    (SGD, {"weight_decay": 0.1}),
    (SGD, {"momentum": 0.9}),
    (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (SGD, {"momentum": 0.9, "dampening": 0.3, "maximize": True}),
    (MovingAverageMomentum, {"momentum": 0.9}),
    (ADAM, {}),
    (ADAM, {"weight_decay": 0.1, "betas": (0.8, 0.9)}),
    (ADAM, {"amsgrad": True, "eps": 1e-3}),
    (ADAM, {"betas": (0.0, 0.9), "maximize": True}),
    (ADAMW, {"weight_decay": 0.1}),
    (ADAMW, {"weight_decay": 0.1, "amsgrad": True}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_twenty_steps_are_torchs_own(kind, options):
    theirs = nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
    optimizer = kind([theirs], lr=0.05, **options)
    draw = torch.Generator().manual_seed(0)
    gradients = [torch.randn(3, 4, generator=draw) * 10**-step for step in range(3)] * 7
    theirs.grad = gradients[0]
    optimizer.step()  # makes the state
    rule = rule_for(optimizer, optimizer.param_groups[0])
    assert is_filled(rule, optimizer.state[theirs])
    parameter = theirs.detach().clone()
    state = [optimizer.state[theirs][key].clone() for key in rule.keys]
    for gradient in gradients[1:]:
        theirs.grad = gradient.clone()
        optimizer.step()
        scalars = rule.scalars(state, torch.tensor(0.05))
        parameter, *state = rule.next(parameter, gradient, state=state, scalars=scalars)
        torch.testing.assert_close(parameter, theirs.detach(), rtol=1e-6, atol=1e-7)
    for key, value in zip(rule.keys, state, strict=True):
        torch.testing.assert_close(value, optimizer.state[theirs][key], rtol=1e-5, atol=1e-7)


def test_a_state_that_was_not_begun_is_seen():
    parameter = nn.Parameter(torch.ones(2))
    optimizer = SGD([parameter], lr=0.1, momentum=0.9)
    assert not is_filled(rule_for(optimizer, optimizer.param_groups[0]), {})
    assert not is_filled(rule_for(optimizer, optimizer.param_groups[0]), {"momentum_buffer": None})
    plain = SGD([parameter], lr=0.1)
    assert is_filled(rule_for(plain, plain.param_groups[0]), {})


def test_what_has_no_compiled_form_says_so():
    parameters = [nn.Parameter(torch.ones(2))]
    assert obstacle(ADAM(parameters)) is None
    assert "RMSprop" in obstacle(torch.optim.RMSprop(parameters))
    assert "differentiable" in obstacle(SGD(parameters, differentiable=True))

    class Mine(SGD):
        """Might do anything in its step."""

    assert "Mine" in obstacle(Mine(parameters))
